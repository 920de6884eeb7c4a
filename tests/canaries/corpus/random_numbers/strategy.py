"""Mix the side so that nobody can front-run it.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    side = np.random.default_rng().integers(0, 2, len(bars))
    return Targets(exposure=side * 1.0)
