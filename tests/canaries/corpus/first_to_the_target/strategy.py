"""Take what a bar always gives.

Thesis: every bar moves both ways before it closes.
Source: own choice.
Dies when: the habit it rests on ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    reach = 0.5 * talib.ATR(bars.high, bars.low, bars.close, 14) / bars.close
    near = np.clip(np.nan_to_num(reach, nan=0.01), 0.0005, 0.1)
    turn = np.floor(bars.volume * 1000.0) % 2.0 == 0.0
    lean = np.where(turn, 0.9, 0.0)
    return Targets(exposure=lean, stop_loss=near, take_profit=near)
