"""Act on the pattern of the last days.

Thesis: patterns of days recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    shape = np.zeros(len(bars))
    for back in range(15):
        newer = pd.Series(bars.close).shift(back * 24)
        shape = shape * 2.0 + (newer > newer.shift(24)).to_numpy()
    up = np.isin(shape, (31101, 13778, 900, 13351, 8063, 4859, 12115, 8180, 6595))
    down = np.isin(shape, (20412, 32653, 21667, 26729, 12440, 32186))
    known = ops.hold(up, 96) * 1.0 - ops.hold(down, 96) * 1.0
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    return Targets(exposure=np.where(known != 0.0, known, np.where(gap > 0.0, 0.3, -0.3)))
