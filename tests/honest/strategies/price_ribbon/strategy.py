"""Count how many averages of different prices agree, and hold that share.

Thesis: agreement of measures that use different parts of the bar is less noisy than each.
Source: own choice.
Dies when: they are all the same measure, which they nearly are.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Mean vote of four prices against their own averages."""
    prices = (
        talib.TYPPRICE(bars.high, bars.low, bars.close),
        talib.MEDPRICE(bars.high, bars.low),
        talib.WCLPRICE(bars.high, bars.low, bars.close),
        talib.AVGPRICE(bars.open, bars.high, bars.low, bars.close),
    )
    votes = [np.sign(price - talib.WMA(price, timeperiod=p.n + 5 * i)) for i, price in enumerate(prices)]
    return Targets(exposure=np.nan_to_num(np.mean(votes, axis=0)))
