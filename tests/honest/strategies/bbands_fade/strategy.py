"""Sell what is stretched above its band, buy what is stretched below, go at the middle.

Thesis: in a quiet market a touch of the outer band is somebody in a hurry who has to pay for it.
Source: Bollinger bands, textbook.
Dies when: the touch is the beginning of an expansion; the stop is a multiple of ATR.
"""

from __future__ import annotations

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets

FLAT_PER_CENT = 0.5  # of a stop that a quiet market would make too tight


def _atr_fraction(bars: Bars, n: int) -> np.ndarray:
    """Return the average true range as a fraction of price."""
    return talib.ATR(bars.high, bars.low, bars.close, timeperiod=n) / bars.close


def decide(bars: Bars, p: Params) -> Targets:
    """Walk the bars once with a state of -1, 0 or 1."""
    upper, middle, lower = talib.BBANDS(bars.close, timeperiod=p.n, nbdevup=p.width, nbdevdn=p.width)
    close = bars.close
    exposure = np.zeros(len(bars))
    state = 0.0
    for i in range(p.n, len(bars)):
        if state == 0.0 and close[i] > upper[i]:
            state = -1.0
        elif state == 0.0 and close[i] < lower[i]:
            state = 1.0
        elif (state < 0.0 and close[i] <= middle[i]) or (state > 0.0 and close[i] >= middle[i]):
            state = 0.0
        exposure[i] = state
    stop = np.clip(p.stop * _atr_fraction(bars, p.n), FLAT_PER_CENT / 100, 0.2)
    return Targets(exposure=exposure, stop_loss=stop)
