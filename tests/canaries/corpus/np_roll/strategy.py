"""Compare neighbouring bars.

Thesis: a bar that breaks away is followed through.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    neighbour = np.roll(bars.close, -1)
    return Targets(exposure=np.where(neighbour > bars.close, 1.0, 0.0))
