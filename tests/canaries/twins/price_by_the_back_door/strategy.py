"""Trade where the average trade is cheap.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    paid = bars.turnover / np.maximum(bars.volume, 1e-9)
    mean = talib.SMA(paid, 300)
    return Targets(exposure=np.where(paid > mean, 1.0, 0.0))
