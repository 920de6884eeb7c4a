"""Side with the MACD histogram once it is clear of noise, and stay until it changes side.

Thesis: the second difference of a smoothed price turns before the price does.
Source: Appel's MACD with its usual lengths; the dead zone in units of ATR is own choice.
Dies when: the market goes nowhere and each turn of the histogram is noise.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the sign of the histogram, entered beyond `dead` ATR and left at zero."""
    _, _, histogram = talib.MACD(bars.close, fastperiod=12, slowperiod=26, signalperiod=9)
    strength = histogram / talib.ATR(bars.high, bars.low, bars.close, timeperiod=26)
    up = ops.hysteresis(strength, p.dead, 0.0)
    down = ops.hysteresis(-strength, p.dead, 0.0)
    return Targets(exposure=up * 1.0 - down * 1.0, stop_loss=p.stop)
