"""Press when it is right.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 10) / talib.EMA(bars.close, 40) - 1.0
    return Targets(exposure=gap * 400.0)
