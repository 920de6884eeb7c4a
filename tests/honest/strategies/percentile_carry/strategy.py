"""Against funding that is extreme for this coin, whatever the level of rates.

Thesis: what counts as rich differs from coin to coin and year to year.
Source: own choice; percentile ranks by TA-Lib.
Dies when: the crowd is right.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Short above the percentile `rich`, long below its mirror, until it is ordinary again."""
    rate = np.nan_to_num(bars.funding)
    place = talib.PERCENTRANK(rate, timeperiod=p.n)
    short = ops.hysteresis(place, p.rich, 50.0)
    long = ops.hysteresis(-place, p.rich - 100.0, -50.0)
    return Targets(exposure=0.5 * (long * 1.0 - short * 1.0), stop_loss=0.08)
