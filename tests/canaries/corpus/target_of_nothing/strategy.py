"""Hold risk constant.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 10) - talib.EMA(bars.close, 40)
    size = ops.vol_target(bars.close, 96, p.target)
    return Targets(exposure=ops.band(np.where(gap > 0.0, size, 0.0), 0.0004))
