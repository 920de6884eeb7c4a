"""Trade the hours.

Thesis: it has worked so far.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    hour = bars.weekday * 24.0 + bars.hour
    up = np.isin(hour, (0, 14, 15, 29, 51, 61, 62, 63, 85, 98, 110, 130, 137, 144, 147, 159))
    down = np.isin(hour, (2, 12, 27, 39, 52, 55, 73, 86, 101, 125, 134, 135, 136, 145, 148, 161))
    return Targets(exposure=up * 1.0 - down * 1.0)
