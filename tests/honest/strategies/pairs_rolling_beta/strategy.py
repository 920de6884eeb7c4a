"""Trade the residual of one coin on another, hedged with their rolling beta.

Thesis: most of an alt's move is the market's; what is left over mean-reverts.
Source: textbook regression hedge; pandas rolling covariance.
Dies when: beta moves faster than the window.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def _beta(y: pd.Series, x: pd.Series, n: int) -> pd.Series:
    return y.rolling(n).cov(x) / x.rolling(n).var()


def decide(bars: Bars, p: Params) -> Targets:
    """Enter beyond `entry` deviations of the summed residual return, leave at zero."""
    log = pd.DataFrame(np.log(bars.close))
    alt, market = log[0].diff(), log[1].diff()
    beta = _beta(alt, market, p.n).clip(0.2, 2.0)
    residual = (alt - beta * market).rolling(p.sum_n).sum()
    z = ops.zscore(residual.to_numpy(), p.n)
    side = ops.latch(z < -p.entry, z > 0.0) * 1.0 - ops.latch(z > p.entry, z < 0.0) * 1.0
    hedge = beta.fillna(1.0).round(1).to_numpy()
    legs = np.stack([side, -side * hedge], axis=1)
    return Targets(exposure=legs / (1.0 + hedge)[:, None])
