"""Own the asset class.

Thesis: it goes up.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    calm = talib.ATR(bars.high, bars.low, bars.close, 96) / bars.close < 0.05
    return Targets(exposure=np.where(calm, 2.5, 0.0))
