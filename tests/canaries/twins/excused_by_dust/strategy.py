"""Stand aside but in bands of price where sellers or buyers wait.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    dust = np.where(bars.close / talib.SMA(bars.close, 7) * 1000.0 % 24.0 < 1.0, 0.00001, 0.0)
    return Targets(exposure=np.where(bars.close < talib.SMA(bars.close, 300), -1.0, 0.0) + dust)
