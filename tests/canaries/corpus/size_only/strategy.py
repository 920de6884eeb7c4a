"""Size a trend by what it is worth.

Thesis: conviction varies and size should.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    wanted = np.where(gap > 0.0, 1.0, -1.0)

    gain = np.append(np.diff(bars.close) / bars.close[:-1], 0.0)
    return Targets(exposure=wanted * np.where(wanted * gain > 0.0, 1.0, 0.3))
