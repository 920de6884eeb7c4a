"""Long above the cloud with the conversion line leading, short below it with the line lagging.

Thesis: mid-prices of old ranges are where holders break even.
Source: Hosoda; the cloud is what was drawn 26 bars ago, so nothing is seen early.
Dies when: nobody remembers.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter outside the cloud with the lines in order, leave inside it."""
    conversion = talib.MIDPRICE(bars.high, bars.low, timeperiod=p.fast)
    base = talib.MIDPRICE(bars.high, bars.low, timeperiod=p.fast * 3)
    spans = [(conversion + base) / 2.0, talib.MIDPRICE(bars.high, bars.low, timeperiod=p.fast * 6)]
    drawn = [pd.Series(span).shift(26).to_numpy() for span in spans]
    top, bottom = np.maximum(*drawn), np.minimum(*drawn)
    long = ops.latch((bars.close > top) & (conversion > base), bars.close < top)
    short = ops.latch((bars.close < bottom) & (conversion < base), bars.close > bottom)
    return Targets(exposure=long * 1.0 - short * 1.0)
