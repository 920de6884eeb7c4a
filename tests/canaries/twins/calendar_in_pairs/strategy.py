"""Act on the pattern of the last days.

Thesis: patterns of days recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    return Targets(exposure=np.where(gap > 0.0, 0.5, -0.5))
