"""Buy the lower part of the range, sell the upper.

Thesis: ranges hold longer than they break.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    low, high = talib.MIN(bars.low, 300), talib.MAX(bars.high, 300)
    place = (bars.close - low) / (high - low)
    return Targets(exposure=ops.latch(place < 0.1, place > 0.9) * 2.0 - 1.0)
