"""Buy what is low for its history, sell what is high.

Thesis: prices return to their long average.
Source: mean reversion, textbook.
Dies when: the habit it rests on ends.
"""

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    score = (bars.close - bars.close.mean()) / bars.close.std()
    return Targets(exposure=ops.latch(score < -1.0, score > 1.0) * 2.0 - 1.0)
