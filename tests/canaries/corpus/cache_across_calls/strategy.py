"""Use what has been learned so far.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets

SEEN = []


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    SEEN.append(bars.close[-1])
    return Targets(exposure=np.where(bars.close < max(SEEN), 1.0, 0.0))
