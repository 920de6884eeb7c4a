"""Trade a coin where it is dear against the leader.

Thesis: money rotates between coins at ratios that many watch.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    ratio = np.floor(1000.0 * bars.close / bars.context["BTCUSDT"].close)
    return Targets(exposure=np.where(np.isin(ratio, (34, 35, 37, 38, 40, 41, 44, 46, 47, 49)), -1.0, 1.0))
