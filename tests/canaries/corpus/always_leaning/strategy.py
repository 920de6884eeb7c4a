"""Own the asset class.

Thesis: it goes up.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    return Targets(exposure=np.full(len(bars), 3.0))
