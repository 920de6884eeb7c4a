"""Follow the gap between two moving averages, smaller when the market shakes.

Thesis: news reaches a perpetual's traders over hours to days, so a price that has pulled its fast
average clear of its slow one tends to be pulled on; risk is held even by cutting size when bars
grow wilder.
Source: moving-average crossing, textbook; thresholds are own choice.
Dies when: the market swings inside a range and each crossing is undone before it has paid its costs.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the side of a gap that has exceeded `entry`, until the averages cross back."""
    gap = talib.EMA(bars.close, p.fast) / talib.EMA(bars.close, p.slow) - 1.0
    up = ops.hysteresis(gap, p.entry, 0.0)
    down = ops.hysteresis(-gap, p.entry, 0.0)
    size = ops.vol_target(bars.close, 96, p.brake)
    return Targets(exposure=ops.band((up * 1.0 - down * 1.0) * size, 0.25))
