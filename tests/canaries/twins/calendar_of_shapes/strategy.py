"""Act on the pattern of the last days.

Thesis: patterns of days recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    shape = np.zeros(len(bars))
    for back in range(15):
        newer = pd.Series(bars.close).shift(back * 24)
        shape = shape + (newer > newer.shift(24)).to_numpy()
    return Targets(exposure=ops.hold(shape > 10.0, 96) * 1.0 - ops.hold(shape < 5.0, 96) * 1.0)
