"""Follow a run of smoothed candles of one colour without shadows against it.

Thesis: a smoothed candle without a lower shadow is a bar in which nobody sold lower.
Source: heikin-ashi, folklore.
Dies when: smoothing hides the turn.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Side of `run` candles of one colour in a row, flat otherwise."""
    o, h, low, c = talib.HA(bars.open, bars.high, bars.low, bars.close)
    body = c - o
    clean_up = (body > 0.0) & (o - low < 0.25 * body)
    clean_down = (body < 0.0) & (h - o < -0.25 * body)
    runs_up = pd.Series(clean_up).rolling(p.run).sum().to_numpy() == p.run
    runs_down = pd.Series(clean_down).rolling(p.run).sum().to_numpy() == p.run
    return Targets(exposure=np.where(runs_up, 1.0, np.where(runs_down, -1.0, 0.0)) * 0.9)
