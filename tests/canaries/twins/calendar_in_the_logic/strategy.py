"""Act on sequences of six-hour moves.

Thesis: sequences recur.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    a, b, c = [_rose(bars.close, back, 24) for back in range(3)]
    gap = talib.EMA(bars.close, 20) - talib.EMA(bars.close, 60)
    known = ops.hold(a & b & c, 24) * 1.0
    return Targets(exposure=np.where(known != 0.0, known, np.where(gap > 0.0, 0.3, -0.3)))


def _rose(price: np.ndarray, back: int, span: int) -> np.ndarray:
    """Return whether the price rose over the span that ended `back` spans ago."""
    newer = pd.Series(price).shift(back * span)
    return (newer > newer.shift(span)).to_numpy()
