"""Be short where price is below its averages and falling, and nowhere else.

Thesis: falls are faster than rises because leverage is long; a crash feeds on liquidations.
Source: own choice.
Dies when: the squeeze comes; size shrinks with range so that it is survived.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Short while close < EMA < SMA and ROC is negative; flat otherwise."""
    ema = talib.EMA(bars.close, timeperiod=p.fast)
    sma = talib.SMA(bars.close, timeperiod=p.slow)
    falling = (bars.close < ema) & (ema < sma) & (talib.ROC(bars.close, timeperiod=p.fast) < 0.0)
    wild = talib.NATR(bars.high, bars.low, bars.close, timeperiod=p.fast)
    size = np.clip(p.risk / wild, 0.0, 1.0)
    return Targets(exposure=-ops.band(np.where(falling, size, 0.0), 0.1), stop_loss=0.04, take_profit=0.08)
