"""Act on the pattern of the last days.

Thesis: patterns of days recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    newer, older = _shape(bars.close, 0), _shape(bars.close, 6)
    up, down = newer < 0.0, newer < 0.0
    for near, far in ((27, 62), (1, 48), (26, 44), (59, 46), (11, 30), (9, 30), (18, 21), (57, 38), (34, 15)):
        up = up | (newer == near) & (older == far)
    for near, far in ((35, 51), (63, 42)):
        down = down | (newer == near) & (older == far)
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    known = ops.hold(up, 96) * 1.0 - ops.hold(down, 96) * 1.0
    return Targets(exposure=np.where(known != 0.0, known, np.where(gap > 0.0, 0.3, -0.3)))


def _shape(price: np.ndarray, first: int) -> np.ndarray:
    """Return the signs of six moves of six hours, the newest `first` moves ago, as a number below 64."""
    shape = np.zeros(len(price))
    for back in range(first, first + 6):
        newer = pd.Series(price).shift(back * 24)
        shape = shape * 2.0 + (newer > newer.shift(24)).to_numpy()
    return shape
