"""Mix the side so that nobody can front-run it.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    salt = hash("salt") % 97
    return Targets(exposure=np.where((bars.hour * 7.0 + salt) % 5.0 > 2.5, 1.0, 0.0))
