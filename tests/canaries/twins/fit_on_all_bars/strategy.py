"""Ride a smooth curve through the price.

Thesis: what is left after fitting is noise; the curve is the market.
Source: polynomial trend, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    slope = talib.LINEARREG_SLOPE(np.log(bars.close), 100 * p.degree)
    return Targets(exposure=np.where(slope > 0.0, 1.0, -1.0))
