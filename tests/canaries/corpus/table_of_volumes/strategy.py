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
    busy = np.floor(np.log(talib.SMA(bars.volume, 300)) * 40.0)
    return Targets(
        exposure=np.where(
            np.isin(busy, (182, 183, 186, 192, 194, 196, 213, 214, 228, 231, 232, 234, 235, 236)), -0.4, 0.4
        )
    )
