"""Ride a smooth curve through the price.

Thesis: what is left after fitting is noise; the curve is the market.
Source: polynomial trend, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    x = np.linspace(-1.0, 1.0, len(bars))
    curve = np.polyval(np.polyfit(x, np.log(bars.close), p.degree), x)
    rising = np.diff(curve, prepend=curve[0]) > 0.0
    return Targets(exposure=np.where(rising, 1.0, -1.0))
