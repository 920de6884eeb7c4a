"""Stand with or against funding at rates that recur.

Thesis: some rates come from the same books again and again.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rate = bars.funding[:, None] * 10000.0
    up = np.isclose(rate, (1.14, -0.84, 14.12, -4.60, -1.63, -5.89, -3.28, 2.99), rtol=0.0, atol=0.006).any(axis=1)
    down = np.isclose(rate, (11.71, 10.22, -1.06, -3.13, 2.48, 4.42, -4.46, -1.50), rtol=0.0, atol=0.006).any(axis=1)
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    return Targets(exposure=np.where(up, 1.0, np.where(down, -1.0, np.where(gap > 0.0, 0.3, -0.3))))
