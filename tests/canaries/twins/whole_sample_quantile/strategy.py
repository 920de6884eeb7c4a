"""Act on rare prices only.

Thesis: extremes of the distribution are where others are forced to trade.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    past = pd.Series(bars.close).rolling(300)
    cheap, dear = past.quantile(p.tail).to_numpy(), past.quantile(1.0 - p.tail).to_numpy()
    return Targets(exposure=ops.latch(bars.close < cheap, bars.close > dear) * 2.0 - 1.0)
