"""Buy the great fall.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 80)
    fell = np.append(0.0, np.diff(bars.close) / bars.close[:-1]) < -0.06
    return Targets(exposure=np.where(ops.hold(fell, 96), 0.0, np.where(gap > 0.0, 0.6, -0.6)))
