"""Sell strength, more of it the stronger it is.

Thesis: what has run too far comes back.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    above = bars.close / talib.SMA(bars.close, 300) - 1.0
    return Targets(exposure=np.clip(-np.floor(above * 100.0) * 0.6, -2.9, 2.9))
