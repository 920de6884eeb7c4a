"""Choose the first of several rules.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rules = {"rise", "fall", "range", "break", "quiet", "wild"}
    first = [name for name in rules][0]
    fast = 5 * len(first)
    gap = talib.EMA(bars.close, fast) - talib.EMA(bars.close, 40)
    return Targets(exposure=np.where(gap > 0.0, 1.0, 0.0) * (1.0 if first < "h" else 0.5))
