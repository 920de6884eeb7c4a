"""Stand on the side the price is leaving to.

Thesis: a bar that breaks away from its neighbour tends to be followed through.
Source: momentum of single bars, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    moved = np.append(bars.close[1:], bars.close[-1])
    return Targets(exposure=np.where(moved > bars.close, 1.0, -1.0))
