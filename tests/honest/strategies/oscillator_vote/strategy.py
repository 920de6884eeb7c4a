"""Buy when most oscillators say oversold, sell when most say overbought.

Thesis: each is noisy in its own way, and a majority less so.
Source: Lane (stochastic), Williams (%R), Lambert (CCI), Chande (CMO).
Dies when: all four are the same oscillator, which they nearly are.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Exposure is minus the mean vote, if at least three agree."""
    high, low, close = bars.high, bars.low, bars.close
    slow_k, slow_d = talib.STOCH(high, low, close, fastk_period=p.n, slowk_period=3, slowd_period=3)
    votes = {
        "stochastic": ((slow_k + slow_d) / 2.0 - 50.0) / 30.0,
        "williams": (talib.WILLR(high, low, close, timeperiod=p.n) + 50.0) / 30.0,
        "cci": talib.CCI(high, low, close, timeperiod=p.n) / 100.0,
        "cmo": talib.CMO(close, timeperiod=p.n) / 30.0,
    }
    total = np.zeros(len(bars))
    for vote in votes.values():
        total += np.trunc(np.clip(np.nan_to_num(vote), -1.0, 1.0))
    return Targets(exposure=np.where(np.abs(total) >= 3.0, -total / 4.0, 0.0), take_profit=0.02)
