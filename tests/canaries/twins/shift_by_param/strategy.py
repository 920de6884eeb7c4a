"""Follow the close of a reference bar.

Thesis: the reference bar leads by the time it takes to be noticed.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    reference = pd.Series(bars.close).shift(p.lag).ffill().to_numpy()
    return Targets(exposure=np.where(reference > bars.close, 1.0, 0.0))
