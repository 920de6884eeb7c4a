"""Rest every third week.

Thesis: tides.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    week = np.arange(len(bars)) // 672
    return Targets(exposure=np.where(week % 3 == 1, -1.0, 1.0))
