"""Fade the first resistance and support of yesterday's pivot in the first half of the day.

Thesis: many watch the same levels, and early in a day nobody has a reason to break them.
Source: floor traders' pivots, folklore.
Dies when: a day trends from its open.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Short above R1, long below S1, back at the pivot; flat from `until` o'clock on."""
    day = bars.resample("1d")
    pivot = (day.high + day.low + day.close) / 3.0
    middle, first, second = day.spread(pivot), day.spread(2.0 * pivot - day.low), day.spread(2.0 * pivot - day.high)
    early = bars.hour < p.until
    short = ops.latch(early & (bars.high > first), (bars.low < middle) | ~early)
    long = ops.latch(early & (bars.low < second), (bars.high > middle) | ~early)
    return Targets(exposure=np.where(long, 0.5, 0.0) - np.where(short, 0.5, 0.0), stop_loss=0.02, take_profit=0.03)
