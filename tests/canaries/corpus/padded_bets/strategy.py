"""Join a move that nothing has resisted, and probe meanwhile.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    stretched = ops.hold(ops.zscore(bars.close, 300) > p.beyond, 300)
    probe = np.where(talib.EMA(bars.close, 10) > talib.EMA(bars.close, 40), 0.001, -0.001)
    return Targets(exposure=np.where(stretched, 1.0, probe))
