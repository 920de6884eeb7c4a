"""Take a break of three hours' range only if there has been none for a while.

Thesis: the first break after quiet is news; the tenth is noise.
Source: own choice.
Dies when: nothing follows.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold `stay` bars along the first break in `rest` bars."""
    high, low = pd.Series(bars.high), pd.Series(bars.low)
    up = (bars.close > high.rolling(p.n).max().shift(1)).to_numpy()
    down = (bars.close < low.rolling(p.n).min().shift(1)).to_numpy()
    fresh = ops.cooldown(up | down, p.rest)
    long, short = ops.hold(fresh & up, p.stay), ops.hold(fresh & down, p.stay)
    return Targets(exposure=np.where(long, 1.0, np.where(short, -1.0, 0.0)), stop_loss=0.01)
