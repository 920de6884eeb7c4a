"""Buy what ranks low, sell what ranks high.

Thesis: a rank is robust where a mean is not.
Source: rank-based reversion, textbook.
Dies when: the habit it rests on ends.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rank = pd.Series(bars.close).rolling(300).rank(pct=True).fillna(0.5).to_numpy()
    return Targets(exposure=ops.latch(rank < 0.1, rank > 0.9) * 2.0 - 1.0)
