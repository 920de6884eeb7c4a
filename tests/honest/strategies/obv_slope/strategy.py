"""Side with the volume that went up against the volume that went down.

Thesis: accumulation shows in volume before it shows in price.
Source: Granville's on-balance volume; used as a difference, since its level remembers its first bar for ever.
Dies when: volume is wash trading.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the side of net volume over `n` bars, as a share of all volume in them."""
    net = talib.MOM(talib.OBV(bars.close, bars.volume), timeperiod=p.n)
    share = net / np.maximum(talib.SUM(bars.volume, timeperiod=p.n), 1e-9)
    long = ops.hysteresis(share, p.entry, 0.0)
    short = ops.hysteresis(-share, p.entry, 0.0)
    return Targets(exposure=(long * 1.0 - short * 1.0) * 0.7)
