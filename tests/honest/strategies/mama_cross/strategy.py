"""Follow MAMA over FAMA and ignore crossings that are closer than noise.

Thesis: an average that adapts to the phase of the cycle crosses once a cycle.
Source: Ehlers, MESA and Trading Market Cycles.
Dies when: the phase is random.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Long once MAMA leads by `lead`, short once it lags by as much; flat after a halt, which has no phase."""
    mama, fama = talib.MAMA(bars.close, fastlimit=0.5, slowlimit=0.05)
    gap = mama / fama - 1.0
    halted = ops.hold(bars.volume == 0.0, p.rest)
    leads, lags = (gap > p.lead) & ~halted, (gap < -p.lead) & ~halted
    long, short = ops.latch(leads, lags | halted), ops.latch(lags, leads | halted)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=0.06)
