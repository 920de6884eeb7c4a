"""Fade what each coin did beyond its share of the common factor, estimated anew each week.

Thesis: the first component is the market; the rest reverts.
Source: Avellaneda and Lee 2010.
Dies when: the factor changes within the week.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def _loadings(window: np.ndarray) -> np.ndarray:
    """Return the first principal component of standardised returns, its sum positive."""
    scaled = (window - window.mean(axis=0)) / np.maximum(window.std(axis=0), 1e-9)
    _, vectors = np.linalg.eigh(scaled.T @ scaled / scaled.shape[0])
    first = vectors[:, -1]
    return first * np.sign(first.sum())


def decide(bars: Bars, p: Params) -> Targets:
    """Weights against standardised residuals of the last days, in equal gross."""
    returns = pd.DataFrame(np.log(bars.close)).diff().fillna(0.0).to_numpy()
    monday = np.flatnonzero((bars.weekday == 0) & (bars.hour == 0))
    loadings = np.full(returns.shape, np.nan)
    for row in monday[monday >= p.n]:
        loadings[row] = _loadings(returns[row - p.n + 1 : row + 1])
    weight = pd.DataFrame(loadings).ffill().to_numpy()
    factor = (returns * weight).sum(axis=1, keepdims=True)
    residual = pd.DataFrame(returns - factor * weight).rolling(18).sum().to_numpy()
    wanted = -np.clip(np.nan_to_num(ops.zscore(residual, p.n)), -2.0, 2.0)
    gross = np.abs(wanted).sum(axis=1, keepdims=True)
    return Targets(exposure=wanted / np.maximum(gross, 1.0))
