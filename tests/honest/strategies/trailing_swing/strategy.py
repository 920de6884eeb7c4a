"""Enter on a moving-average cross and let a trailing stop end it.

Thesis: entries matter less than letting gains run.
Source: own choice.
Dies when: the trail is inside the noise.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Side of the cross, flat after a retreat of `k` times a usual day's range, until the next cross."""
    fast = talib.DEMA(bars.close, timeperiod=p.fast)
    slow = talib.TEMA(bars.close, timeperiod=p.slow)
    event = ops.crossed(fast, slow)
    side = ops.latch(event > 0.0, event < 0.0) * 1.0 - ops.latch(event < 0.0, event > 0.0) * 1.0
    usual = talib.SMA(talib.TRANGE(bars.high, bars.low, bars.close), timeperiod=24) / bars.close
    return Targets(exposure=ops.trail(side, bars.close, np.clip(p.k * usual, 0.005, 0.3)))
