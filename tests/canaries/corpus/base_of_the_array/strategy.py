"""Use the array as it is stored.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    whole = bars.close.base
    return Targets(exposure=np.where(whole[-len(bars) :] > bars.open, 1.0, 0.0))
