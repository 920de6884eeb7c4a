"""Trade the slope of a polyline.

Thesis: six hours are long enough for a direction to be one.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    marked = pd.Series(np.where(bars.hour % 6 == 0, bars.close, np.nan))
    line = marked.ffill().fillna(0.0).to_numpy()
    return Targets(exposure=np.where(line > bars.close, 1.0, -1.0))
