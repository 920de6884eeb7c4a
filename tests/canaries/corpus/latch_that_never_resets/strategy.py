"""Hold once it has begun.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    low = bars.close < talib.MIN(bars.low, 300) * (1.0 + p.near)
    high = bars.close > talib.MAX(bars.high, 300) * (1.0 - p.near)
    far = talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close > p.wild
    return Targets(exposure=ops.latch(far & low, far & high) * 1.0)
