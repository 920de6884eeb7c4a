"""Hold yesterday's losers against yesterday's winners in equal money.

Thesis: whoever needed to trade yesterday moved prices that come back today.
Source: short-term reversal, Lehmann 1990; hourly perpetuals are own choice.
Dies when: momentum rules the cross-section.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Weights fall linearly with the rank of the last day's return and sum to zero."""
    past = pd.DataFrame(bars.close).pct_change(p.n).to_numpy()
    weight = 0.5 - ops.rank(past)
    gross = np.abs(weight).sum(axis=1, keepdims=True)
    wanted = np.where(gross > 0.0, weight / np.maximum(gross, 1e-9), 0.0)
    rebalance = bars.hour % p.every == 0
    return Targets(exposure=ops.sample(wanted, rebalance))
