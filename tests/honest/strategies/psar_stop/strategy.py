"""Ride a parabolic trend with the stop where the parabola stands.

Thesis: a trend that is worth holding accelerates; one that does not is left soon.
Source: Wilder 1978, parabolic time/price system.
Dies when: prices gap through the stop, or chop around it.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Long above SAR, short below; the distance to SAR at entry is the stop."""
    sar = talib.SAR(bars.high, bars.low, acceleration=p.step, maximum=0.2)
    distance = np.abs(bars.close / sar - 1.0)
    stop = np.clip(np.nan_to_num(distance, nan=0.05), 0.005, 0.25)
    return Targets(exposure=np.where(bars.close > sar, p.size, -p.size), stop_loss=stop)
