"""Buy what is low for its history.

Thesis: long memories see what short ones miss.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    past = pd.Series(bars.close).rolling(100)
    score = ((bars.close - past.mean()) / past.std()).fillna(0.0).to_numpy()
    return Targets(exposure=np.clip(-score, -1.0, 1.0))
