"""Weigh the last returns by what followed them.

Thesis: returns of hours carry a weak, stable pattern.
Source: linear prediction, textbook.
Dies when: the habit it rests on ends.
"""

import numpy as np

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Answer with the position wanted after each bar."""
    price = np.log(bars.close)
    lags = _lagged(price, p.lags, p.step)
    later = np.append(price[p.ahead :], np.full(p.ahead, price[-1])) - price
    weights = np.linalg.lstsq(lags, later)[0]
    return Targets(exposure=ops.hysteresis(lags @ weights, p.worth, -p.worth) * 2.0 - 1.0)


def _lagged(price: np.ndarray, lags: int, step: int) -> np.ndarray:
    """Return (n_bars, lags): what the price has gained over each of `lags` spans."""
    spans = [step * (k + 1) for k in range(lags)]
    return np.stack([price - np.append(np.full(s, price[0]), price[:-s]) for s in spans], axis=1)
