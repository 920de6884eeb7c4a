"""Join a price that leaves the channel of the last days; go when it falls back through half of it.

Thesis: volatility comes in spells, and a new extreme after a quiet stretch brings in stops and late
buyers who carry the price further for hours to days.
Source: Donchian channel, textbook; lengths are own choice.
Dies when: extremes are bought and sold by the same few, so that breaks fail before they have run.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter on a close beyond the channel of `entry` bars, leave on one beyond that of `leave`."""
    close = bars.close
    long = ops.latch(close > _before(talib.MAX(bars.high, p.entry)), close < _before(talib.MIN(bars.low, p.leave)))
    short = ops.latch(close < _before(talib.MIN(bars.low, p.entry)), close > _before(talib.MAX(bars.high, p.leave)))
    size = ops.vol_target(close, 96, p.brake)
    return Targets(exposure=ops.band((long * 1.0 - short * 1.0) * size, 0.25), stop_loss=p.stop)


def _before(x: np.ndarray) -> np.ndarray:
    """Return each bar's value one bar later, so that a bar is not part of the channel it breaks."""
    out = np.full(x.shape, np.nan)
    out[1:] = x[:-1]
    return out
