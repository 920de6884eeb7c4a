"""Follow a decision tree of depth three over indicators, as a learner would print it.

Thesis: what an indicator means depends on the regime; a tree says so where a sum cannot.
Source: CART, Breiman and others 1984; splits rounded to what a reader can remember.
Dies when: a split was fitted to noise, as most are.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Return the leaf's exposure for each bar."""
    rsi = talib.RSI(bars.close, timeperiod=14)
    adx = talib.ADX(bars.high, bars.low, bars.close, timeperiod=14)
    wide = talib.NATR(bars.high, bars.low, bars.close, timeperiod=28)
    gap = bars.close / talib.SMA(bars.close, timeperiod=p.n) - 1.0
    busy = talib.RVOL(bars.volume, timeperiod=20)
    trending = np.where(gap > 0.0125, np.where(rsi > 78.5, 0.25, 1.0), np.where(gap < -0.0115, -0.85, 0.15))
    ranging = np.where(rsi < 27.5, np.where(busy > 1.35, 0.65, 0.3), np.where(rsi > 71.5, -0.55, 0.0))
    leaf = np.where(adx > 24.5, trending, ranging)
    return Targets(exposure=np.where(wide > 1.85, 0.4 * leaf, leaf), stop_loss=0.035, take_profit=0.08)
