"""Follow a slow average.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    slow = talib.EMA(bars.close, p.slow)
    return Targets(exposure=np.where(bars.close > slow, 1.0, -1.0))
