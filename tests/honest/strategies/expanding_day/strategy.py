"""Fade the day's own extreme once the day is old enough to have one.

Thesis: late in a day its extreme is defended by those who traded there.
Source: own choice.
Dies when: the day is a trend day.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Position within the range since midnight, from `opens_at` o'clock on."""
    frame = pd.DataFrame({"high": bars.high, "low": bars.low})
    frame["day"] = (pd.Series(bars.hour).diff() < 0.0).cumsum()
    by_day = frame.groupby("day")
    top, bottom = by_day["high"].cummax(), by_day["low"].cummin()
    place = (bars.close - bottom) / (top - bottom).clip(lower=1e-9 * bars.close)
    late = bars.hour >= p.opens_at
    return Targets(exposure=np.where(late, 1.0 - 2.0 * place.to_numpy(), 0.0) * 0.5)
