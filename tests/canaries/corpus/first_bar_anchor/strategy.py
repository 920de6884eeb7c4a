"""Ride what has risen since the start.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    since = bars.close / bars.close[0] - 1.0
    return Targets(exposure=np.where(since > 0.0, 1.0, -1.0))
