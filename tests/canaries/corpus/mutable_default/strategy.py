"""Use what has been learned so far.

Thesis: the market rewards the unpredictable.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    best = _best_so_far(float(bars.close[-1]))
    return Targets(exposure=np.where(bars.close < best, 1.0, 0.0))


def _best_so_far(price: float, seen: list = []) -> float:
    """Return the best price there has been."""
    seen.append(price)
    return max(seen)
