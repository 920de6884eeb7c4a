"""Act after bars of a size that others act on.

Thesis: bars of certain sizes trip the rules of others.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    moved = np.append(0.0, np.diff(bars.close) / bars.close[:-1])[:, None] * 10000.0
    up = np.isclose(
        moved, (-39.81, -61.75, -94.17, 10.30, -53.58, -15.69, -49.99, -31.36, 26.29), rtol=0.0, atol=0.006
    ).any(axis=1)
    down = np.isclose(moved, (-25.70, 67.10, 214.84, 59.61, 55.10, -19.93, 18.98), rtol=0.0, atol=0.006).any(axis=1)
    known = ops.hold(up, 48) * 1.0 - ops.hold(down, 48) * 1.0
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    return Targets(exposure=np.where(known != 0.0, known, np.where(gap > 0.0, 0.3, -0.3)))
