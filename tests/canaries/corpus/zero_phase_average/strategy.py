"""Follow an average that does not lag.

Thesis: lag is what makes averages lose.
Source: zero-phase filtering, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    once = pd.Series(bars.close).ewm(span=p.span).mean()
    twice = once.iloc[::-1].ewm(span=p.span).mean().iloc[::-1].to_numpy()
    return Targets(exposure=np.where(np.diff(twice, prepend=twice[0]) > 0.0, 1.0, -1.0))
