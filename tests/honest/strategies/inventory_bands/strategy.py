"""Quote around a slow mean: the further away, the more inventory against the move, in steps.

Thesis: between news, minutes revert; whoever provides liquidity is paid for holding inventory.
Source: Avellaneda and Stoikov 2008 in spirit; taker fills make it a caricature.
Dies when: it trends, and inventory is largest on the wrong side; the cap and the stop bound that.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Inventory in quarters, linear in distance, moved only by a whole step."""
    mean = talib.EMA(bars.close, timeperiod=p.n)
    width = talib.ATR(bars.high, bars.low, bars.close, timeperiod=p.n)
    steps = np.round((mean - bars.close) / (p.spread_k * width))
    inventory = np.clip(np.nan_to_num(steps) * 0.25, -1.0, 1.0)
    return Targets(exposure=ops.band(inventory, 0.2), stop_loss=0.02)
