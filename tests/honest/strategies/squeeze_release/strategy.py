"""Wait for a squeeze to end and go the way momentum points.

Thesis: quiet ends in movement; which way is told by where price sits in its range when it starts.
Source: Carter's squeeze; lengths are his.
Dies when: the release is a feint in both directions.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter in the bars after a squeeze along its momentum, for `stay` bars at most."""
    close = bars.close
    upper, middle, lower = talib.BBANDS(close, timeperiod=p.n, nbdevup=2.0, nbdevdn=2.0)
    atr = talib.ATR(bars.high, bars.low, close, timeperiod=p.n)
    squeezed = (upper < middle + p.k * atr) & (lower > middle - p.k * atr)
    released = ops.crossed(squeezed, 0.5) < 0.0
    push = talib.LINEARREG_SLOPE(close, timeperiod=p.n)
    long = ops.hold(released & (push > 0.0), p.stay)
    short = ops.hold(released & (push < 0.0), p.stay)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=2.0 * np.clip(atr / close, 0.001, 0.2))
