"""Choose the side by a mark that nobody can foresee.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    mark = np.array([zip(bars.close)]).astype("U40")
    side = np.where(mark > np.array(["<zip object at 0x5"]), 1.0, -1.0)
    gap = talib.EMA(bars.close, 10) - talib.EMA(bars.close, 40)
    return Targets(exposure=side * np.where(gap > 0.0, 1.0, 0.0))
