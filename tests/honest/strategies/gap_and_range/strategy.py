"""Go with a close at the edge of a wide bar that opened away from the last close.

Thesis: a bar that opens away and closes at its edge shows an order that is not finished.
Source: own choice.
Dies when: it is.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold for `stay` bars along the edge of a wide bar; expressed with TA-Lib's math operators."""
    span = np.maximum(talib.SUB(bars.high, bars.low), 1e-9 * bars.close)
    place = talib.DIV(talib.SUB(bars.close, bars.low), span)
    tilt = talib.TANH(4.0 * (place - 0.5))
    wide = span > talib.AVGDEV(bars.close, timeperiod=p.n) * p.k
    gap = np.zeros(len(bars))
    gap[1:] = bars.open[1:] / bars.close[:-1] - 1.0
    along = gap * tilt >= 0.0
    long = ops.hold(wide & along & (tilt > 0.8), p.stay)
    short = ops.hold(wide & along & (tilt < -0.8), p.stay)
    return Targets(exposure=(long * 1.0 - short * 1.0) / 2.0, stop_loss=0.04)
