"""Join a break of the range of the first hours of the UTC day, until the day ends.

Thesis: the first hours collect orders; the break shows which side has more of them.
Source: opening-range breakout, Crabel 1990.
Dies when: there is no opening in a market that never closes.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Extremes since midnight up to `hours`, broken later the same day."""
    hour = pd.Series(bars.hour)
    day = (hour.diff() < 0.0).cumsum()  # numbered from the window's first day; only equality matters
    forming = hour < p.hours
    top = pd.Series(bars.high).where(forming).groupby(day).cummax().groupby(day).ffill().to_numpy()
    bottom = pd.Series(bars.low).where(forming).groupby(day).cummin().groupby(day).ffill().to_numpy()
    closing = (bars.hour >= 23) | (bars.hour < p.hours)
    long = ops.latch(~closing & (bars.close > top), closing | (bars.close < bottom))
    short = ops.latch(~closing & (bars.close < bottom), closing | (bars.close > top))
    return Targets(exposure=long * 1.0 - short * 1.0)
