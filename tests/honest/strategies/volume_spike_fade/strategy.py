"""Take the other side of a minute in which far too much was traded one way.

Thesis: a forced order (a liquidation) moves price past where others would trade; it returns in minutes.
Source: own choice.
Dies when: the spike is information.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Against a stretched return on stretched volume, for `stay` minutes."""
    move = np.zeros(len(bars))
    move[1:] = np.diff(np.log(bars.close))
    stretched = np.abs(ops.zscore(move, p.n)) > p.far
    heavy = ops.zscore(np.log1p(bars.volume), p.n) > 1.0
    event = ops.cooldown(stretched & heavy, p.stay)
    long = ops.hold(event & (move < 0.0), p.stay)
    short = ops.hold(event & (move > 0.0), p.stay)
    return Targets(exposure=long * 0.5 - short * 0.5, stop_loss=0.01, take_profit=0.005)
