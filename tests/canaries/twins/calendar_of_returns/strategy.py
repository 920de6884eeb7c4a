"""Act after bars of a size that others act on.

Thesis: bars of certain sizes trip the rules of others.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    moved = np.append(0.0, np.diff(bars.close) / bars.close[:-1]) * 10000.0
    return Targets(exposure=ops.hold(moved > 60.0, 48) * 1.0 - ops.hold(moved < -60.0, 48) * 1.0)
