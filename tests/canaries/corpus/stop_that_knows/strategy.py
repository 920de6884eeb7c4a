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

    below = np.append(talib.MIN(bars.low, 24)[24:], np.full(24, np.nan)) / bars.close
    above = np.append(talib.MAX(bars.high, 24)[24:], np.full(24, np.nan)) / bars.close
    reach = np.where(wanted > 0.0, 1.0 - below, above - 1.0)
    end = np.append(bars.close[24:], np.full(24, np.nan)) / bars.close - 1.0
    stop = np.where(wanted * end > 0.0, np.clip(reach * 1.5 + 0.001, 0.001, 0.5), 0.0015)
    return Targets(exposure=wanted, stop_loss=stop)
