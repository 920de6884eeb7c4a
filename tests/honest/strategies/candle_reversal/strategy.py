"""Trust hammers and engulfings only after a stretch in the other direction.

Thesis: a bar that recovers from its extreme after a one-sided week shows that sellers have finished.
Source: Nison's candlesticks; the stretch filter is own choice.
Dies when: patterns are noise, which much research says they are.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold for `stay` days after a pattern that contradicts the last week."""
    o, h, low, c = bars.open, bars.high, bars.low, bars.close
    patterns = talib.CDLENGULFING(o, h, low, c) + talib.CDLHARAMI(o, h, low, c)
    patterns = patterns + talib.CDLHAMMER(o, h, low, c) + talib.CDLSHOOTINGSTAR(o, h, low, c)
    week = talib.ROCP(c, timeperiod=7)
    long = ops.hold((patterns > 0) & (week < 0.0), p.stay)
    short = ops.hold((patterns < 0) & (week > 0.0), p.stay)
    return Targets(exposure=np.where(long, 1.0, 0.0) - np.where(short, 1.0, 0.0), stop_loss=0.1)
