"""Stand against a crowd that pays dearly to keep its side of the perpetual.

Thesis: funding that has stayed rich over the last settlements says that leveraged longs are crowded;
whoever is short is paid at each settlement and gains again when the crowd unwinds. Likewise for shorts.
Source: own choice; the carry is the venue's funding rule, the unwinding is a conjecture.
Dies when: the crowd is right, and a squeeze moves the price by more than weeks of funding pay.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold -size from a rich mean rate on until `stay` bars after the last one, +size for the reverse."""
    rate = talib.SMA(np.nan_to_num(bars.funding), p.lookback)
    crowded_long = ops.hold(rate > p.rich, p.stay)
    crowded_short = ops.hold(rate < -p.rich, p.stay)
    return Targets(exposure=p.size * (crowded_short * 1.0 - crowded_long * 1.0), stop_loss=0.1)
