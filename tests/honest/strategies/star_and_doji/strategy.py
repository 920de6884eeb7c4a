"""Buy a morning star near the low of the range, sell an evening star near its high.

Thesis: indecision at an old extreme is where stop orders have run out.
Source: Nison; range position by Williams' %R.
Dies when: the range breaks.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter on a pattern at an edge, leave at the other side of the range's middle."""
    ohlc = (bars.open, bars.high, bars.low, bars.close)
    place = talib.WILLR(bars.high, bars.low, bars.close, timeperiod=p.n) + 100.0
    stars = talib.CDLMORNINGSTAR(*ohlc, penetration=0.3) + talib.CDLEVENINGSTAR(*ohlc, penetration=0.3)
    doji = talib.CDLDOJI(*ohlc) > 0
    long = ops.latch(((stars > 0) | doji) & (place < p.edge), place > 60.0)
    short = ops.latch(((stars < 0) | doji) & (place > 100.0 - p.edge), place < 40.0)
    return Targets(exposure=long * 1.0 - short * 1.0)
