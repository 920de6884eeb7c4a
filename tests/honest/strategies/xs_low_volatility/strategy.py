"""Hold the calmer half long and the wilder half short, each by its own risk.

Thesis: whoever wants leverage and cannot have more of it overpays for what moves.
Source: betting against beta, Frazzini and Pedersen 2014.
Dies when: everything wild rallies at once.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Signs by the rank of volatility, sizes by its inverse, scaled to the leverage."""
    returns = pd.DataFrame(bars.close).pct_change()
    sigma = returns.rolling(p.n).std().to_numpy()
    side = np.sign(0.5 - ops.rank(sigma))
    weight = np.nan_to_num(side / np.maximum(sigma, 1e-5))
    gross = np.abs(weight).sum(axis=1, keepdims=True)
    return Targets(exposure=weight / np.maximum(gross, 1.0) * 0.9)
