"""The crossing of two moving averages, compiled: what the compiled engines use for indicators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.peers.work import Floats


@njit(cache=True)
def wanted_quantities(  # noqa: PLR0913, PLR0917  a compiled function takes its constants one by one
    close: Any, fast: int, slow: int, first_bar: int, notional: float, qty_steps: float
) -> Any:
    """Return the wanted coins after each close, shape (n,): sized anew whenever the sign of fast - slow changes.

    Averages start at the first close and remember by 2 / (span + 1), as pandas' ewm with adjust=False.
    """
    n = close.size
    out = np.zeros(n)
    a, b = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    quick = lazy = close[0]
    side, held = 0.0, 0.0
    for i in range(n):
        price = close[i]
        quick = (1.0 - a) * quick + a * price
        lazy = (1.0 - b) * lazy + b * price
        now = 1.0 if quick > lazy else (-1.0 if quick < lazy else side)
        if i >= first_bar and now != side:
            side = now
            held = side * np.floor(notional / price * qty_steps + 0.5) / qty_steps
        out[i] = held
    return out


def wanted(close: Floats, pair: tuple[int, int], *, first_bar: int, notional: float, qty_steps: int) -> Floats:
    """Return the wanted coins of one pair, shape (n,)."""
    found: Floats = wanted_quantities(close, pair[0], pair[1], first_bar, notional, float(qty_steps))
    return found
