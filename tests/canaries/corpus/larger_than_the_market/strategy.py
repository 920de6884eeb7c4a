"""Be there when nobody is.

Thesis: thin books overshoot.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    thin = bars.turnover < 0.35 * talib.SMA(bars.turnover, 300)
    back = bars.close < talib.SMA(bars.close, 50)
    return Targets(exposure=np.where(ops.hold(thin & back, 48), 2.5, 0.0))
