"""Be long above the ninth decile of the last month's closes, short below the first.

Thesis: prices far from where most were paid leave many holders wrong, who will act.
Source: own choice; a Donchian channel without its outliers.
Dies when: they are right.
"""

import pandas as pd

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Enter beyond an outer quantile, leave at the median."""
    close = pd.Series(bars.close)
    windows = close.rolling(p.n)
    middle = windows.median()
    long = ops.latch(close > windows.quantile(1.0 - p.tail_q), close < middle)
    short = ops.latch(close < windows.quantile(p.tail_q), close > middle)
    return Targets(exposure=long * 1.0 - short * 1.0, stop_loss=0.1)
