"""Follow a simple trend, but never pay a rich rate for the last hour before it settles.

Thesis: whoever pays funding leaves before it is charged and comes back after; the trend does not care.
Source: own choice.
Dies when: the cost of leaving and returning exceeds the rate.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Side of the average; flat when that side pays more than `rich` within `wait` minutes."""
    side = np.sign(bars.close - talib.TRIMA(bars.close, timeperiod=p.n))
    pays = np.nan_to_num(bars.funding) * side > p.rich
    soon = bars.minutes_to_funding <= p.wait
    return Targets(exposure=np.where(pays & soon, 0.0, side))
