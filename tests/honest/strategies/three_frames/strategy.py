"""Enter on five minutes only along both the hour and four hours.

Thesis: a small move that agrees with two larger ones has more behind it.
Source: Elder's triple screen.
Dies when: the three agree because all are late.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter on a cross of the fast average with both frames, leave when the hour turns."""
    hour, four = bars.resample("1h"), bars.resample("4h")
    hourly = hour.spread(hour.close / talib.SMA(hour.close, timeperiod=p.n) - 1.0)
    slow = four.spread(four.close / talib.SMA(four.close, timeperiod=p.n) - 1.0)
    crossed = ops.crossed(bars.close, talib.SMA(bars.close, timeperiod=p.n))
    long = ops.latch((crossed > 0.0) & (hourly > 0.0) & (slow > 0.0), hourly < 0.0)
    short = ops.latch((crossed < 0.0) & (hourly < 0.0) & (slow < 0.0), hourly > 0.0)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=0.02)
