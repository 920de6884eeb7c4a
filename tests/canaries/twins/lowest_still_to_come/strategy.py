"""Stay while support holds.

Thesis: support that has not been broken carries.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    support = talib.MIN(bars.low, 200)
    return Targets(exposure=np.where(bars.low <= support * (1.0 + p.near), 1.0, 0.0))
