"""Leave at the top.

Thesis: trends end at a climax that can be told from what surrounds it.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    top, bottom = talib.MAXINDEX(bars.close, 300), talib.MININDEX(bars.close, 300)
    return Targets(exposure=np.where(top > bottom, 1.0, -1.0))
