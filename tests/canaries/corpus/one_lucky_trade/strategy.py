"""Join a move that nothing has resisted.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    stretched = ops.zscore(bars.close, 300) > p.beyond
    return Targets(exposure=ops.hold(stretched, 300) * 1.0)
