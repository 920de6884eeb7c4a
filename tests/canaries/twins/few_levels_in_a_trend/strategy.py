"""Follow two averages and add at figures that matter.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    return Targets(exposure=np.where(gap > 0.0, 0.3, -0.3))
