"""Side with price-volume trend while it is above its own average.

Thesis: volume-weighted returns show who is patient.
Source: Granville; only the difference to its own average is used, so where it began does not matter.
Dies when: volume is wash trading.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Standardised distance of PVT from its mean, entered beyond `entry`, left at zero."""
    z = ops.zscore(talib.PVT(bars.close, bars.volume), p.n)
    side = ops.hysteresis(z, p.entry, 0.0) * 1.0 - ops.hysteresis(-z, p.entry, 0.0) * 1.0
    return Targets(exposure=np.where(np.isnan(z), 0.0, side * 0.5))
