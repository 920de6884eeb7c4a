"""Follow two averages behind a living stop.

Thesis: stops belong where noise does not reach.
Source: moving averages, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 10) - talib.EMA(bars.close, 30)
    wanted = np.where(gap > 0.0, 1.0, -1.0)

    reach = talib.ATR(bars.high, bars.low, bars.close, 24) / bars.close
    return Targets(exposure=wanted, stop_loss=np.clip(reach * 5.0, 0.001, 0.5))
