"""Follow the leader.

Thesis: a larger market moves first.
Source: lead and lag, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    lead = bars.context["BTCUSDT"].close
    gain = np.append(np.diff(lead), 0.0)
    return Targets(exposure=np.where(gain > 0.0, 1.0, -1.0))
