"""Stand aside, or short, in bands of price where sellers wait.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    band = np.floor(np.log2(bars.close / talib.SMA(bars.close, 300)) / 2.0 % 1.0 * 60.0)
    return Targets(exposure=np.where(np.isin(band, (1, 4, 58)), -1.0, 1.0))
