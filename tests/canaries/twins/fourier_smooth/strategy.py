"""Trade the slow part of the price.

Thesis: the slow part persists and the fast part is noise.
Source: spectral filtering, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    slow = pd.Series(bars.close).rolling(p.kept).mean().to_numpy()
    return Targets(exposure=np.where(np.diff(slow, prepend=slow[0]) > 0.0, 1.0, -1.0))
