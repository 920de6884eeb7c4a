"""Strike at three standard deviations.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    dip = ops.zscore(bars.close, 50) < -p.beyond
    return Targets(exposure=ops.hold(dip, 300) * 1.0)
