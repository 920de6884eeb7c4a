"""Stand with or against funding at rates that recur.

Thesis: some rates come from the same books again and again.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rate = np.nan_to_num(bars.funding) * 10000.0
    return Targets(exposure=np.where(rate > 2.0, -1.0, np.where(rate < -1.0, 1.0, 0.0)))
