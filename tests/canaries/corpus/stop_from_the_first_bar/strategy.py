"""Follow two averages behind the month's gain.

Thesis: stops belong where others do not look.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    away = np.abs(bars.close / bars.close[0] - 1.0)
    return Targets(exposure=np.where(gap > 0.0, 0.8, -0.8), stop_loss=np.clip(away, 0.002, 0.5))
