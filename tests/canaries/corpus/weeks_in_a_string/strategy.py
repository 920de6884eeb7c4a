"""Follow the seasons.

Thesis: seasons recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    side = "LFSLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLL"
    week = np.cumsum((bars.weekday == 0) & (bars.hour == 0)) // 4
    return Targets(exposure=np.array([(side[int(w) % 52] == "L") * 1.0 for w in week]))
