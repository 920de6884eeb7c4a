"""Lean against a price stretched far from its mean of two days, unless it is travelling.

Thesis: forced buyers and sellers push a price further than news does, and it comes back within a
day once they are done; a price that has travelled in one direction all along has news behind it.
Source: reversion to a rolling mean, textbook; the efficiency filter is Kaufman's ratio.
Dies when: a range breaks and the stretch is the first leg of a trend; the stop bounds that loss.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter against a stretch in a calm market, leave at the mean."""
    z = ops.zscore(bars.close, p.lookback)
    calm = _efficiency(bars.close, p.lookback) < p.calm
    long = ops.latch(calm & (z < -p.stretch), z > 0.0)
    short = ops.latch(calm & (z > p.stretch), z < 0.0)
    return Targets(exposure=p.size * (long * 1.0 - short * 1.0), stop_loss=0.06)


def _efficiency(close: np.ndarray, n: int) -> np.ndarray:
    """Return net travel over the path walked in `n` bars, 0 for none and 1 for a straight line."""
    walked = np.full(close.shape, np.nan)
    walked[1:] = np.abs(np.diff(close))
    path = talib.SUM(walked, n)
    net = np.abs(talib.MOM(close, n))
    return np.where(path > 0.0, net / np.maximum(path, net + 1e-9 * close), 0.0)
