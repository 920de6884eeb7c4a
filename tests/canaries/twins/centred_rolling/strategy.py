"""Buy below a calm average, sell above it.

Thesis: prices swing around a slowly moving centre.
Source: mean reversion, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    centre = pd.Series(bars.close).rolling(p.length, min_periods=1).mean()
    return Targets(exposure=np.where(bars.close < centre, 1.0, -1.0))
