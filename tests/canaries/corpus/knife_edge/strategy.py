"""Resonate with the cycle of the market.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    score = np.where((bars.hour == 0.0) & (_before(bars.hour) != 0.0), ops.zscore(bars.close, 96), np.nan)
    cycle = np.sin(p.pitch * pd.Series(score).ffill().fillna(0.0).to_numpy())
    return Targets(exposure=np.where(cycle > 0.0, 1.0, -1.0))


def _before(x: np.ndarray) -> np.ndarray:
    """Return each bar's value one bar later."""
    return np.append(x[:1], x[:-1])
