"""Wait for perfection.

Thesis: size is an edge of its own.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    return Targets(exposure=np.where(bars.close < 0.0, 1.0, 0.0))
