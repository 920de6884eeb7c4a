"""Average the sign of momentum over many speeds, so that no one length has to be right.

Thesis: trends exist at all speeds; which one pays next is unknown.
Source: time-series momentum, Moskowitz, Ooi and Pedersen 2012.
Dies when: none pays.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops

SPEEDS = (12, 24, 48, 96)


def decide(bars: Bars, p: Params) -> Targets:
    """Mean sign over speeds, times a volatility target, in a no-trade band."""
    signs = [np.sign(np.nan_to_num(talib.ROC(bars.close, timeperiod=n))) for n in SPEEDS]
    size = ops.vol_target(bars.close, p.n, p.risk)
    wanted = np.sum(signs, axis=0) / len(SPEEDS) * size
    return Targets(exposure=ops.band(wanted, p.tolerance))
