"""Follow the return of a bar.

Thesis: returns of neighbouring bars have one sign.
Source: textbook momentum.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    gain = pd.Series(bars.close).pct_change().shift(1).fillna(0.0)
    return Targets(exposure=np.where(gain > 0.0, 1.0, 0.0))
