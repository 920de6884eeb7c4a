"""Take what is there.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    dip = talib.RSI(bars.close, 14) < 60.0
    return Targets(exposure=np.where(dip, 0.9, 0.0), take_profit=p.roi)
