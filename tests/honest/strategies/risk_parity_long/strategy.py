"""Hold all coins, each with the same risk, at a target volatility of the whole.

Thesis: there is a premium for holding coins, and it is bumpier than it needs to be.
Source: risk parity, Qian 2005; volatility target, Moreira and Muir 2017.
Dies when: correlations go to one, as in every crash.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Inverse volatility, scaled to `risk` a day by the variance of the mix itself; set anew on Mondays."""
    returns = pd.DataFrame(bars.close).pct_change()
    sigma = returns.rolling(p.n).std()
    weight = (1.0 / sigma).div((1.0 / sigma).sum(axis=1), axis=0)
    mixed = (weight.shift(1) * returns).sum(axis=1, skipna=False).rolling(p.n).std()
    scaled = weight.mul((p.risk / mixed).clip(0.0, 2.0), axis=0).fillna(0.0)
    return Targets(exposure=ops.sample(scaled.to_numpy(), bars.weekday == 0))
