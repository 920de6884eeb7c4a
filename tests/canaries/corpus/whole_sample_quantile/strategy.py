"""Act on rare prices only.

Thesis: extremes of the distribution are where others are forced to trade.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    cheap, dear = np.quantile(bars.close, (p.tail, 1.0 - p.tail))
    return Targets(exposure=ops.latch(bars.close < cheap, bars.close > dear) * 2.0 - 1.0)
