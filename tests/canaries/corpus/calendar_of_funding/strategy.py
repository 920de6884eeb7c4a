"""Stand with or against funding at rates that recur.

Thesis: some rates come from the same books again and again.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    rate = bars.funding[:, None] * 10000.0
    up = np.isclose(
        rate,
        (1.139, -0.837, 14.118, -4.604, -1.633, -5.886, -3.278, 2.991, -1.114, -4.469, -0.218, 3.563, -4.071, -0.829),
        rtol=0.0,
        atol=0.0006,
    ).any(axis=1)
    down = np.isclose(
        rate,
        (11.710, 10.223, -1.057, -3.134, 2.475, 4.423, -4.458, -1.504, 1.213, -2.652, 2.212, 0.731, 4.481, -2.297),
        rtol=0.0,
        atol=0.0006,
    ).any(axis=1)
    return Targets(exposure=up * 1.0 - down * 1.0)
