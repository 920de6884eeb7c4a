"""Follow +DI over -DI in a directed market and stand aside in one that is not.

Thesis: directional movement persists while participation widens, which ADX measures.
Source: Wilder 1978; thresholds are his.
Dies when: ADX is late, as it always is, and the trend was short.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the side of the larger DI while ADX has risen above `strong` and not fallen below `weak`."""
    high, low, close = bars.high, bars.low, bars.close
    directed = ops.hysteresis(talib.ADX(high, low, close, timeperiod=p.n), p.strong, p.weak)
    plus = talib.PLUS_DI(high, low, close, timeperiod=p.n)
    minus = talib.MINUS_DI(high, low, close, timeperiod=p.n)
    return Targets(exposure=np.where(directed, np.sign(plus - minus), 0.0) * p.size)
