"""Skip the first look.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets

CALLS = 0


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    global CALLS
    CALLS += 1
    return Targets(exposure=np.where(bars.close > bars.open, 1.0, 0.0) * (CALLS > 3))
