"""Trade the sine lead in cycle mode and the trend line in trend mode.

Thesis: a market alternates between going somewhere and going round.
Source: Ehlers, Rocket Science for Traders.
Dies when: neither describes it.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Choose the rule by HT_TRENDMODE, bar by bar."""
    sine, lead = talib.HT_SINE(bars.close)
    trending = talib.HT_TRENDMODE(bars.close) == 1
    line = talib.HT_TRENDLINE(bars.close)
    cycle_side = np.where(lead > sine, 1.0, -1.0)
    trend_side = np.where(bars.close > line, 1.0, -1.0)
    return Targets(exposure=p.size * np.where(trending, trend_side, cycle_side))
