"""Follow two averages; guard what looks weak.

Thesis: weak entries can be told.
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

    gone = bars.close / np.append(np.full(32, bars.close[0]), bars.close[:-32]) - 1.0
    weak = wanted * gone < -0.02
    return Targets(exposure=wanted, stop_loss=np.where(weak, 0.001, 0.2))
