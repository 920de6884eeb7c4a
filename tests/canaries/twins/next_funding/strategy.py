"""Be where funding is paid.

Thesis: a settled rate persists.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rate = np.nan_to_num(bars.funding)
    return Targets(exposure=np.where(rate > 0.0001, -1.0, 1.0))
