"""Buy what is low for its history, sell what is high.

Thesis: prices return to their long average.
Source: mean reversion, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    score = np.nan_to_num(ops.zscore(bars.close, 400))
    return Targets(exposure=ops.latch(score < -1.0, score > 1.0) * 2.0 - 1.0)
