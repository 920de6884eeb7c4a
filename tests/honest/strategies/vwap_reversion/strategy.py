"""Lean against distance from the volume-weighted average price, in units of its own spread.

Thesis: execution desks are measured against VWAP, so flow pulls price back to it within hours.
Source: own choice.
Dies when: news moves the fair price and VWAP is merely late.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Scale in linearly beyond one deviation, full at `full` deviations."""
    traded = pd.Series(bars.turnover).rolling(p.n).sum() / pd.Series(bars.volume).rolling(p.n).sum()
    vwap = traded.ffill().to_numpy()
    z = ops.zscore(bars.close / vwap - 1.0, p.n)
    lean = np.clip((np.abs(z) - 1.0) / (p.full - 1.0), 0.0, 1.0)
    return Targets(exposure=ops.band(-np.sign(z) * np.nan_to_num(lean), 0.25), stop_loss=0.02)
