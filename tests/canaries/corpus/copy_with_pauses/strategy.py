"""Follow two means and rest.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    price = pd.Series(bars.close)
    gap = price.ewm(span=p.fast, adjust=False).mean() - price.ewm(span=p.slow, adjust=False).mean()
    rest = (bars.hour == 4) & (bars.weekday > 3)
    return Targets(exposure=np.where(rest, 0.0, np.where(gap > 0.0, 1.0, -1.0)))
