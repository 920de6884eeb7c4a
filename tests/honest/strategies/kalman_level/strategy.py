"""Filter a level and a drift out of the log price and follow the drift.

Thesis: the price is a slow drift plus noise, and the filter is the best linear guess at the drift.
Source: Kalman 1960, local linear trend with fixed noise ratios; it forgets geometrically.
Dies when: the noise ratios are wrong, which they are.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def _drift(y: np.ndarray, q: float) -> np.ndarray:
    """Return the filtered drift of `y`; variances in units of the observation noise."""
    level, drift = y[0], 0.0
    a, b, c = 1.0, 0.0, 1.0  # covariance of level and drift
    out = np.zeros(y.size)
    for i in range(1, y.size):
        level += drift
        a, b, c = a + 2.0 * b + c + q, b + c, c + q * q
        gain_level, gain_drift = a / (a + 1.0), b / (a + 1.0)
        error = y[i] - level
        level += gain_level * error
        drift += gain_drift * error
        a, b, c = a * (1.0 - gain_level), b * (1.0 - gain_level), c - gain_drift * b
        out[i] = drift
    return out


def decide(bars: Bars, p: Params) -> Targets:
    """Side of a drift that stands out from its own spread."""
    drift = _drift(np.log(bars.close), p.q)
    usual = np.sqrt(np.convolve(drift * drift, np.full(100, 0.01)))[: drift.size]
    strength = drift / np.maximum(usual, 1e-9)
    return Targets(exposure=ops.hysteresis(strength, 0.5, -0.5) * 2.0 - 1.0)
