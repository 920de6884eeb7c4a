"""Follow MAMA over FAMA and ignore crossings that are closer than noise.

Thesis: an average that adapts to the phase of the cycle crosses once a cycle.
Source: Ehlers, MESA and Trading Market Cycles.
Dies when: the phase is random.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Long while MAMA leads by more than `lead`, short while it lags by as much."""
    mama, fama = talib.MAMA(bars.close, fastlimit=0.5, slowlimit=0.05)
    gap = mama / fama - 1.0
    return Targets(exposure=ops.hysteresis(gap, p.lead, -p.lead) * 2.0 - 1.0, stop_loss=0.06)
