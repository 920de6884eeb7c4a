"""Use a window of windows.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    ahead = np.lib.stride_tricks.as_strided(bars.close, (len(bars) + 96,), (8,))[96:]
    return Targets(exposure=np.where(ahead > bars.close, 1.0, 0.0))
