"""Buy below a smooth curve, sell above it.

Thesis: prices swing around a slowly moving centre.
Source: mean reversion, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    kernel = np.full(p.length, 1.0 / p.length)
    smooth = np.convolve(bars.close, kernel, mode="full")[: len(bars)]
    return Targets(exposure=np.where(bars.close < smooth, 1.0, -1.0))
