"""Hold an hour in which the last three weeks have mostly gone one way.

Thesis: flows repeat by the clock: openings of exchanges, settlements, funds that trade on a schedule.
Source: intraday periodicity, Heston, Korajczyk and Sadka 2010.
Dies when: the flow moves to another hour.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Mean return of the hour about to begin over `days` days, as a t-value with a threshold."""
    returns = pd.Series(bars.close).pct_change()
    coming = returns.shift(23)  # yesterday's return of the hour that begins now
    same_hour = [coming.shift(24 * day) for day in range(p.days)]
    table = pd.concat(same_hour, axis=1)
    t = table.mean(axis=1) / table.std(axis=1) * np.sqrt(p.days)
    return Targets(exposure=np.where(np.abs(t) > p.t_min, np.sign(t), 0.0))
