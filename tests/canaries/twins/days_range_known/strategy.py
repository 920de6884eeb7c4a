"""Fade the edges of the day's range.

Thesis: a day's range, once made, holds until it ends.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    day = pd.Series((np.diff(bars.hour, prepend=0.0) < 0.0).cumsum())
    high = pd.Series(bars.high).groupby(day).cummax().to_numpy()
    low = pd.Series(bars.low).groupby(day).cummin().to_numpy()
    place = (bars.close - low) / (high - low)
    return Targets(exposure=np.where(place < p.edge, 1.0, np.where(place > 1.0 - p.edge, -1.0, 0.0)))
