"""Compare neighbouring bars.

Thesis: a bar that breaks away is followed through.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    place = np.arange(len(bars))
    neighbour = bars.close.take((place + p.step) % len(bars))
    return Targets(exposure=np.where(neighbour > bars.close, 1.0, 0.0))
