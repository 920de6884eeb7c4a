"""Trade the level behind the price.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    level = pd.Series(bars.close).ewm(alpha=p.gain, adjust=False).mean().to_numpy()
    return Targets(exposure=np.where(bars.close > level, 1.0, -1.0))
