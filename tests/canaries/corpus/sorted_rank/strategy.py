"""Buy what ranks low, sell what ranks high.

Thesis: a rank is robust where a mean is not.
Source: rank-based reversion, textbook.
Dies when: the habit it rests on ends.
"""

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rank = bars.close.argsort(kind="stable").argsort(kind="stable") / len(bars)
    return Targets(exposure=ops.latch(rank < 0.1, rank > 0.9) * 2.0 - 1.0)
