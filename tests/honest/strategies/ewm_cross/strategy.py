"""Follow the faster of two exponential means, entered gently.

Thesis: returns over days are positively correlated.
Source: textbook crossing, by pandas' ewm.
Dies when: they are not.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Exposure proportional to the gap in units of its usual size, at most one."""
    close = pd.Series(bars.close)
    gap = close.ewm(span=p.fast, adjust=False).mean() / close.ewm(span=p.slow, adjust=False).mean() - 1.0
    usual = gap.abs().rolling(p.slow).mean()
    return Targets(exposure=np.clip((gap / (2.0 * usual)).fillna(0.0).to_numpy(), -1.0, 1.0))
