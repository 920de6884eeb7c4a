"""Follow two means with care.

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
    return Targets(exposure=np.where(gap > 0.0, 0.9, -0.9))
