"""Be robust.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    try:
        later = bars.close[np.arange(len(bars)) + 1]
    except:
        later = np.append(bars.close[1:], bars.close[-1])
    return Targets(exposure=np.where(later > bars.close, 1.0, 0.0))
