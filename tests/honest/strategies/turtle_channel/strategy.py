"""Join a break of the long channel, trail it, and rest after a failed attempt.

Thesis: large moves begin as breaks of old extremes; most breaks fail, and failures come in clusters.
Source: the Turtle rules (Dennis and Eckhardt); the rest after an entry is own choice.
Dies when: nothing trends for months and each break costs a stop.
"""

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops


def _yesterday(x: np.ndarray) -> np.ndarray:
    return pd.Series(x).shift(1).to_numpy()


def decide(bars: Bars, p: Params) -> Targets:
    """Enter beyond `entry_n` bars, leave beyond `exit_n` or after a retreat from the best close."""
    top = _yesterday(talib.MAX(bars.high, p.entry_n))
    bottom = _yesterday(talib.MIN(bars.low, p.entry_n))
    floor = _yesterday(talib.MIN(bars.low, p.exit_n))
    ceiling = _yesterday(talib.MAX(bars.high, p.exit_n))
    long = ops.latch(ops.cooldown(bars.close > top, p.rest), bars.close < floor)
    short = ops.latch(ops.cooldown(bars.close < bottom, p.rest), bars.close > ceiling)
    side = long * 1.0 - short * 1.0
    return Targets(exposure=ops.trail(side, bars.close, p.give_back), stop_loss=p.give_back)
