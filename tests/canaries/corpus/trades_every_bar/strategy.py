"""Alternate with the last bar.

Thesis: a bar is followed by its opposite.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    up = bars.close > bars.open
    return Targets(exposure=np.where(up, -0.4, 0.4))
