"""Trade the direction of the four-hour bar.

Thesis: the longer bar decides and the shorter one times.
Source: two time frames, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    higher = bars.resample("4h")
    up = higher.spread(higher.close > higher.open)
    current = np.append(up[15:], np.full(15, up[-1]))
    return Targets(exposure=np.where(current > 0.5, 1.0, -1.0))
