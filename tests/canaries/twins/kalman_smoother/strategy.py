"""Trade the level behind the price.

Thesis: what is traded is a noisy reading of a slower level.
Source: local level model, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    level = _filtered(bars.close, p.gain)
    return Targets(exposure=np.where(np.diff(level, prepend=level[0]) > 0.0, 1.0, -1.0))


def _filtered(x: np.ndarray, gain: float) -> np.ndarray:
    """Return the running estimate of the level behind `x`."""
    out = np.zeros(x.size)
    level = x[0]
    for row in range(x.size):
        level += gain * (x[row] - level)
        out[row] = level
    return out
