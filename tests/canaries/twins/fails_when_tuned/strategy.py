"""Follow two averages.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    return Targets(exposure=np.clip(gap * 50.0, -1.0, 1.0))
