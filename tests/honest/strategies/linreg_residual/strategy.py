"""Fade the residual of a line fitted to the last day, while the fit is good.

Thesis: around a steady drift the residual is noise and comes back; without one there is no line.
Source: own choice; regression by TA-Lib's statistics functions.
Dies when: the drift ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Against residuals beyond `far` standard deviations, flat once they have changed sign."""
    line = talib.LINEARREG(bars.close, timeperiod=p.n)
    spread = talib.STDDEV(bars.close - line, timeperiod=p.n, nbdev=1.0)
    z = (bars.close - line) / np.maximum(spread, 1e-6 * bars.close)
    good = np.abs(talib.CORREL(bars.close, line, timeperiod=p.n)) > 0.7
    long = ops.latch(good & (z < -p.far), z > 0.0)
    short = ops.latch(good & (z > p.far), z < 0.0)
    return Targets(exposure=0.6 * (long * 1.0 - short * 1.0), stop_loss=0.03)
