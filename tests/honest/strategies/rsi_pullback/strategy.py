"""Buy a short-lived fear inside a rising market and sell it back when the fear is gone.

Thesis: in an up-trend holders of short horizon sell dips to holders of long horizon, too cheaply.
Source: RSI(2)-style pull-backs, textbook; lengths are own choice.
Dies when: the dip is the first leg of a crash; stop and target bound what one trade can do.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter on a low RSI above the slow average, leave on a high one or below the average."""
    rsi = talib.RSI(bars.close, timeperiod=p.rsi_n)
    rising = bars.close > talib.SMA(bars.close, timeperiod=p.trend_n)
    held = ops.latch(rising & (rsi < p.dip), (rsi > 100.0 - p.dip) | ~rising)
    return Targets(exposure=np.where(held, 1.0, 0.0), stop_loss=0.03, take_profit=0.05)
