"""Buy swing lows, sell swing highs.

Thesis: a pivot that holds is defended.
Source: fractals, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    wide = 2 * p.side + 1
    lowest = talib.MIN(bars.low, wide)
    highest = talib.MAX(bars.high, wide)
    lows = lowest == np.append(np.full(p.side, np.nan), bars.low[: -p.side])
    highs = highest == np.append(np.full(p.side, np.nan), bars.high[: -p.side])
    return Targets(exposure=ops.latch(lows, highs) * 2.0 - 1.0)
