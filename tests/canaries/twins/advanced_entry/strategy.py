"""Follow two averages and be early.

Thesis: crossings announce themselves.
Source: moving averages, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    wanted = np.where(gap > 0.0, 1.0, -1.0)

    return Targets(exposure=wanted)
