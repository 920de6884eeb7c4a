"""Trade on the side of the volume.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    balance = talib.OBV(bars.close, bars.volume)
    return Targets(exposure=np.where(balance > 0.0, 1.0, -1.0))
