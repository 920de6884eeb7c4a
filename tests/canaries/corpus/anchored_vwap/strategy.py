"""Stay on the side of the average trade.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    paid = np.cumsum(bars.turnover) / np.cumsum(bars.volume)
    return Targets(exposure=np.where(bars.close > paid, 1.0, -1.0))
