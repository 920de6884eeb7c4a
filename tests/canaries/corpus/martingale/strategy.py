"""Double until the market turns.

Thesis: a fall is followed by a rise sooner or later.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    day = pd.Series(bars.close).shift(1).to_numpy() / pd.Series(bars.close).shift(97).to_numpy() - 1.0
    lost = pd.Series(np.where(day < 0.0, 1.0, 0.0))
    streak = lost + lost.shift(96) * lost * (1.0 + lost.shift(192) * (1.0 + lost.shift(288)))
    size = 0.37 * 2.0 ** streak.fillna(0.0).to_numpy()
    return Targets(exposure=np.minimum(size, 2.9))
