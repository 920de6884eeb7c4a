"""Trade swings of accumulation that are large for this market.

Thesis: distribution and accumulation swing around a level; far from it they have overshot.
Source: Chaikin oscillator; standardised over a window, own choice.
Dies when: the level itself moves.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Follow a standardised oscillator from beyond `entry` to zero."""
    swing = talib.ADOSC(bars.high, bars.low, bars.close, bars.volume, fastperiod=3, slowperiod=10)
    z = ops.zscore(np.nan_to_num(swing), p.n)
    long = ops.hysteresis(z, p.entry, 0.0)
    short = ops.hysteresis(-z, p.entry, 0.0)
    return Targets(exposure=0.5 * (long * 1.0 - short * 1.0), stop_loss=0.05)
