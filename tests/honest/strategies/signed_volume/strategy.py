"""Follow the imbalance of volume on rising and falling minutes.

Thesis: large orders are split; their direction persists for an hour.
Source: order-flow imbalance, Cont, Kukanov and Stoikov 2014, with the tick rule on bars.
Dies when: signs of bars say nothing about who crossed the spread.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Share of signed volume in `n` minutes, with hysteresis, flat in thin hours."""
    body = np.sign(bars.close - bars.open) * bars.volume
    share = talib.SUM(body, timeperiod=p.n) / np.maximum(talib.SUM(bars.volume, timeperiod=p.n), 1e-9)
    up = ops.hysteresis(share, p.entry, 0.0)
    down = ops.hysteresis(-share, p.entry, 0.0)
    busy = bars.hour >= p.opens
    return Targets(exposure=np.where(busy, up * 1.0 - down * 1.0, 0.0), stop_loss=0.01, take_profit=0.02)
