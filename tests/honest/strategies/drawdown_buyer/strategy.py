"""Buy what has fallen far from its high of half a year once it has stopped falling.

Thesis: forced sellers finish; whoever has no leverage is paid for taking over from them.
Source: long-term reversal, De Bondt and Thaler 1985.
Dies when: the coin does.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Long from a depth of `deep` with a rising fortnight until half is regained or a quarter more is lost."""
    close = pd.Series(bars.close)
    depth = (1.0 - close / close.rolling(p.n).max()).to_numpy()
    rising = talib.MOM(bars.close, timeperiod=14) > 0.0
    held = ops.latch((depth > p.deep) & rising, (depth < p.deep / 2.0) | (depth > p.deep * 2.0))
    room = np.clip(np.nan_to_num(depth, nan=0.2), 0.05, 0.9)
    return Targets(exposure=held * 1.0, stop_loss=np.minimum(room, 0.3), take_profit=room)
