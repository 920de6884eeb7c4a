"""Follow Kaufman's average, which is quick in trends and slow in noise.

Thesis: noise costs a trend follower more than lag does, so the average should choose between them.
Source: Kaufman, Trading Systems and Methods; the band is own choice.
Dies when: trends reverse faster than the efficiency ratio notices.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Long beyond a band above the average, short beyond one below, unchanged between."""
    average = talib.KAMA(bars.close, timeperiod=p.n)
    gap = bars.close / average - 1.0
    return Targets(exposure=ops.hysteresis(gap, p.band_width, -p.band_width) * 2.0 - 1.0)
