"""Predict the next half day with a linear model whose weights were fitted once and rounded.

Thesis: several weak features together say more than each; few weights cannot remember much.
Source: ridge regression, Hoerl and Kennard 1970; weights to two or three digits.
Dies when: the relation moves, which frozen weights cannot follow.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops

LENGTHS = (4, 8, 16, 32, 64)
ON_RETURNS = (-0.041, -0.027, 0.013, 0.062, 0.118)
ON_VOLUMES = (0.008, -0.011, 0.024, 0.037, -0.019)
ON_RANGE = 0.085
ON_FUNDING = -0.132
INTERCEPT = 0.0047


def decide(bars: Bars, p: Params) -> Targets:
    """Exposure proportional to the forecast, in quarters."""
    volume = np.log1p(bars.volume)
    forecast = np.full(len(bars), INTERCEPT)
    for n, on_return, on_volume in zip(LENGTHS, ON_RETURNS, ON_VOLUMES, strict=True):
        past = talib.ROCP(bars.close, timeperiod=n)
        forecast = forecast + on_return * np.clip(ops.zscore(past, p.n), -3.0, 3.0)
        forecast = forecast + on_volume * np.clip(ops.zscore(talib.SMA(volume, timeperiod=n), p.n), -3.0, 3.0)
    spread = (bars.high - bars.low) / bars.close
    forecast = forecast + ON_RANGE * np.sign(bars.close - bars.open) * np.clip(ops.zscore(spread, p.n), -3.0, 3.0)
    forecast = forecast + ON_FUNDING * np.clip(np.nan_to_num(bars.funding) * 2500.0, -3.0, 3.0)
    return Targets(exposure=np.clip(np.round(p.gain * forecast) / 4.0, -1.0, 1.0), stop_loss=0.06)
