"""Follow the slope of a line fitted to the last weeks, in units of the bars' own noise.

Thesis: weeks trend.
Source: time-series momentum, Moskowitz, Ooi and Pedersen 2012; slope instead of return.
Dies when: weeks do not.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def _slope(y: np.ndarray, n: int) -> np.ndarray:
    """Return the least-squares slope of the last n values, NaN before."""
    x = np.arange(n) - (n - 1) / 2.0
    weights = x[::-1] / (x * x).sum()
    out = np.full(y.size, np.nan)
    out[n - 1 :] = np.convolve(y, weights, mode="valid")
    return out


def decide(bars: Bars, p: Params) -> Targets:
    """Clip the slope's t-like ratio into an exposure."""
    log = np.log(bars.close)
    slope = _slope(log, p.n)
    noise = np.sqrt(np.convolve(np.diff(log, prepend=log[:1]) ** 2, np.ones(p.n))[: log.size] / p.n)
    ratio = slope * np.sqrt(p.n) / np.maximum(noise, 1e-9)
    return Targets(exposure=np.clip(np.nan_to_num(ratio), -1.0, 1.0) * p.size, stop_loss=p.stop)
