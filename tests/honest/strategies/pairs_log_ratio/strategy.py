"""Sell the dear leg and buy the cheap one when the log ratio of two majors is stretched.

Thesis: capital rotates between the majors; a gap of days that no news explains closes.
Source: pairs trading, Gatev, Goetzmann and Rouwenhorst 2006; lengths are own choice.
Dies when: one of the two changes what it is worth.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Both legs with equal weight, from beyond `entry` deviations to within `leave`."""
    ratio = np.log(bars.close[:, 0] / bars.close[:, 1])
    z = ops.zscore(ratio, p.n)
    dear = ops.latch(z > p.entry, z < p.leave)
    cheap = ops.latch(z < -p.entry, z > -p.leave)
    side = cheap * 1.0 - dear * 1.0
    return Targets(exposure=np.stack([side, -side], axis=1) / 2.0)
