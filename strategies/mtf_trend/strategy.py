"""Enter a four-hour trend when fifteen-minute bars have pulled back, and stay while the trend lasts.

Thesis: traders of long horizons move slowly and set the direction for days; those of short horizons
overshoot against it for hours and sell them a better price.
Source: trading two time frames, textbook; lengths are own choice.
Dies when: pull-backs turn out to be reversals, as at the end of every trend.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the side of the four-hour trend from the first pull-back against it until it ends."""
    higher = bars.resample("4h")
    trend = higher.spread(higher.close / talib.SMA(higher.close, p.slow) - 1.0)
    rsi = talib.RSI(bars.close, 14)
    long = ops.latch((trend > 0.0) & (rsi < p.dip), trend < 0.0)
    short = ops.latch((trend < 0.0) & (rsi > 100.0 - p.dip), trend > 0.0)
    return Targets(exposure=p.size * (long * 1.0 - short * 1.0), stop_loss=0.08)
