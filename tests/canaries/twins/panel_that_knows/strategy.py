"""Hold the strongest against the weakest.

Thesis: strength persists.
Source: cross-sectional momentum, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    earlier = np.vstack([np.repeat(bars.close[:1], p.bars, axis=0), bars.close[: -p.bars]])
    place = ops.rank(bars.close / earlier)
    return Targets(exposure=(place - 0.5) * 0.8)
