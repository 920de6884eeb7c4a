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
    rules = {"rise": 5, "fall": 10, "range": 15, "break": 20, "quiet": 25, "wild": 30}
    first = [name for name in (rules.keys() & rules.keys())][0]
    gap = talib.EMA(bars.close, rules[first]) - talib.EMA(bars.close, 40)
    return Targets(exposure=np.where(gap > 0.0, 1.0, 0.0))
