"""Be on SuperTrend's side with an exposure that keeps daily risk even.

Thesis: a stop that only tightens marks where a trend's late buyers give up.
Source: SuperTrend, Seban; sizing by realised volatility, own choice.
Dies when: volatility jumps from a calm level, when the size is largest.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the trend's sign times a volatility target."""
    _, trend = talib.SUPERTREND(bars.high, bars.low, bars.close, timeperiod=p.n, multiplier=p.k)
    size = ops.vol_target(bars.close, 72, p.risk, cap=1.5)
    return Targets(exposure=ops.band(np.sign(trend) * size, 0.2))
