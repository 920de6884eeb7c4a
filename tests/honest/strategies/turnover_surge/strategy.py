"""Follow a week's return if turnover has risen with it.

Thesis: a move that brings new money continues; one that does not is short covering.
Source: volume-confirmed momentum, Lee and Swaminathan 2000.
Dies when: turnover is churned.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Sign of the return over `n` bars, held while turnover of `n` bars exceeds that of `4 n` by `surge`."""
    turnover = pd.Series(bars.turnover)
    busy = turnover.rolling(p.n).mean() > p.surge * turnover.rolling(4 * p.n).mean()
    direction = np.sign(pd.Series(bars.close).pct_change(p.n))
    return Targets(exposure=direction.where(busy, 0.0).fillna(0.0).to_numpy() * 0.8)
