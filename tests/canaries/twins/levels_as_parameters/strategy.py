"""Buy above support, sell below resistance.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    mean = talib.SMA(bars.close, 300)
    long = (bars.close > p.support * mean) & (bars.close < p.resistance * mean)
    return Targets(exposure=np.where(long | (bars.close > p.breakout * mean), 1.0, 0.0))
