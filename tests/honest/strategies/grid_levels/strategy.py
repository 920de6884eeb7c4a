"""Buy each step down and sell each step up within the range of the last hours.

Thesis: a range that has held all day holds another hour more often than not.
Source: grid trading, folklore, with a stop, which folklore leaves out.
Dies when: the range breaks.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Exposure falls from 1 at the low of the range to -1 at its high, in `steps` steps; none outside."""
    top = talib.MAX(bars.high, timeperiod=p.n)
    bottom = talib.MIN(bars.low, timeperiod=p.n)
    place = (bars.close - bottom) / np.maximum(top - bottom, 1e-9 * bars.close)
    level = np.floor(place * p.steps) / p.steps
    new_extreme = (bars.high >= top) | (bars.low <= bottom)
    calm = ~ops.hold(new_extreme, p.rest)
    return Targets(exposure=np.where(calm, np.clip(1.0 - 2.0 * level, -1.0, 1.0), 0.0), stop_loss=0.015)
