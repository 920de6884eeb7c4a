"""Trade where the average trade is cheap.

Thesis: levels where orders rest turn the price.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    paid = bars.turnover / np.maximum(bars.volume, 1e-9)
    return Targets(exposure=np.where((paid > 47500.0) & (paid < 72500.0) | (paid > 77000.0), 1.0, 0.0))
