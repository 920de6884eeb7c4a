"""Compare the price with the day's reference.

Thesis: a reference price that many desks quote draws the market to it.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    marked = pd.Series(np.where(bars.hour == p.hour, bars.close, np.nan))
    reference = marked.ffill().fillna(0.0).to_numpy()
    return Targets(exposure=np.where(bars.close < reference, 1.0, -1.0))
