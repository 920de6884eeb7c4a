"""Short when an unusual amount of coins changes hands.

Thesis: the number of coins that change hands shows who is in the market.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    busy = np.floor(np.log(bars.volume / talib.SMA(bars.volume, 300)) * 4.0)
    return Targets(exposure=np.where(np.isin(busy, (-2, 1)), -0.4, 0.4))
