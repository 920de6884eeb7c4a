"""Buy above support, sell below resistance.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    long = (bars.close > p.support) & (bars.close < p.resistance)
    return Targets(exposure=np.where(long | (bars.close > p.breakout), 1.0, 0.0))
