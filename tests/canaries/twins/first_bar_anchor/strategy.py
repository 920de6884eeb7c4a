"""Ride what has risen since the start.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    since = bars.close / pd.Series(bars.close).shift(300).to_numpy() - 1.0
    return Targets(exposure=np.where(since > 0.0, 1.0, -1.0))
