"""Find the loudest cycle of the last two months and stand where it turns up next.

Thesis: positioning cycles with expiries and pay days.
Source: textbook Fourier analysis on trailing windows only.
Dies when: the cycle is a drawing in noise.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def _phase_ahead(y: np.ndarray, slowest: int) -> float:
    """Return the slope of the loudest harmonic of `y`, continued by one bar, as a sine of its phase."""
    n = y.size
    detrended = y - np.linspace(y[0], y[-1], n)
    spectrum = np.fft.rfft(detrended)
    k = slowest + int(np.argmax(np.abs(spectrum[slowest : n // 4])))
    turn = 2.0 * np.pi * k / n + np.arctan2(spectrum[k].imag, spectrum[k].real)
    return -np.sin(turn)


def decide(bars: Bars, p: Params) -> Targets:
    """Exposure is the slope of the cycle, rounded to quarters."""
    log = pd.Series(np.log(bars.close))
    slope = log.rolling(p.n).apply(lambda y: _phase_ahead(y, p.slowest), raw=True)
    return Targets(exposure=np.round(4.0 * slope.fillna(0.0).to_numpy()) / 4.0 * 0.5)
