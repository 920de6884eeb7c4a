"""Trade a coin where it is dear against the leader.

Thesis: money rotates between coins at ratios that many watch.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    ratio = bars.close / bars.context["BTCUSDT"].close
    dear = np.floor(1000.0 * ratio / talib.SMA(ratio, 300))
    return Targets(exposure=np.where(np.isin(dear, (1002, 1003, 1007)), -1.0, 1.0))
