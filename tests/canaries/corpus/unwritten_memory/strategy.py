"""Use a scratch array.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    scratch = np.empty(len(bars))
    hint = np.nan_to_num(scratch) % 1.0
    return Targets(exposure=np.where(bars.close > bars.open, 1.0, 0.0) * (hint > -1.0))
