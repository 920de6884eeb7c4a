"""Follow two averages and take what is offered.

Thesis: profits not taken are lost.
Source: moving averages, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    wanted = np.where(gap > 0.0, 1.0, -1.0)

    below = np.append(talib.MIN(bars.low, 48)[48:], np.full(48, np.nan)) / bars.close
    above = np.append(talib.MAX(bars.high, 48)[48:], np.full(48, np.nan)) / bars.close
    best = np.where(wanted > 0.0, above - 1.0, 1.0 - below)
    return Targets(exposure=wanted, take_profit=np.clip(np.nan_to_num(best, nan=0.01) * 0.98, 0.001, 0.5))
