"""Act once returns have summed to a threshold in one direction since they last did.

Thesis: what matters is how far price went, not how long it took.
Source: CUSUM filter, Lopez de Prado 2018, chapter 2.
Dies when: thresholds are hit by noise alone.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def _events(returns: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Return 1.0 and -1.0 where a one-sided sum passes its threshold, which resets both."""
    out = np.zeros(returns.size)
    up = down = 0.0
    for i in range(returns.size):
        up, down = max(0.0, up + returns[i]), min(0.0, down + returns[i])
        if up > threshold[i]:
            out[i], up, down = 1.0, 0.0, 0.0
        elif down < -threshold[i]:
            out[i], up, down = -1.0, 0.0, 0.0
    return out


def decide(bars: Bars, p: Params) -> Targets:
    """Follow an event until the opposite one, at most `stay` bars."""
    returns = pd.Series(np.log(bars.close)).diff().fillna(0.0)
    usual = returns.rolling(p.n).std().fillna(0.01).to_numpy()
    event = _events(returns.to_numpy(), p.k * usual)
    long = ops.latch(event > 0.0, event < 0.0) & ops.hold(event > 0.0, p.stay)
    short = ops.latch(event < 0.0, event > 0.0) & ops.hold(event < 0.0, p.stay)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=0.03)
