"""Compiled loops behind `autarch.strategy.ops`: 2-D C-contiguous in, 2-D out, one column at a time.

Signatures are explicit, so all compile (or load from the cache) on import, before confinement.
Inputs are declared read-only, which admits both the read-only columns of `Bars` and a strategy's
own arrays. IEEE arithmetic: no fastmath, terms added in bar order, division by zero as numpy's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import boolean, float64, int64, njit, types
from numpy.typing import NDArray

from autarch.machine_code import cache_by_content

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

cache_by_content(Path(__file__).resolve().parent)

_F: Any = types.Array(float64, 2, "C", readonly=True)
_B: Any = types.Array(boolean, 2, "C", readonly=True)
_FLOATS: Any = float64[:, ::1]
_BOOLS: Any = boolean[:, ::1]


@njit(_BOOLS(_B, _B), cache=True, error_model="numpy")
def latch(enter: Bools, leave: Bools) -> Bools:
    """Return the state set by `enter` and cleared by `leave`, which wins."""
    out = np.zeros(enter.shape, np.bool_)
    for c in range(enter.shape[1]):
        on = False
        for t in range(enter.shape[0]):
            on = (on or enter[t, c]) and not leave[t, c]
            out[t, c] = on
    return out


@njit(_BOOLS(_B, int64), cache=True, error_model="numpy")
def hold(signal: Bools, n: int) -> Bools:
    """Return whether `signal` was true in the last `n` rows, this one included."""
    out = np.zeros(signal.shape, np.bool_)
    for c in range(signal.shape[1]):
        left = 0
        for t in range(signal.shape[0]):
            left = n if signal[t, c] else left - 1
            out[t, c] = left > 0
    return out


@njit(_BOOLS(_B, int64), cache=True, error_model="numpy")
def cooldown(signal: Bools, n: int) -> Bools:
    """Return `signal` without those in the `n` rows after one that was let through."""
    out = np.zeros(signal.shape, np.bool_)
    for c in range(signal.shape[1]):
        left = 0
        for t in range(signal.shape[0]):
            if left > 0:
                left -= 1
            elif signal[t, c]:
                out[t, c] = True
                left = n
    return out


@njit(_BOOLS(_F, _F, _F), cache=True, error_model="numpy")
def hysteresis(x: Floats, upper: Floats, lower: Floats) -> Bools:
    """Return the state that rises above `upper` and falls below `lower`."""
    out = np.zeros(x.shape, np.bool_)
    for c in range(x.shape[1]):
        on = False
        for t in range(x.shape[0]):
            if x[t, c] < lower[t, c]:
                on = False
            elif x[t, c] > upper[t, c]:
                on = True
            out[t, c] = on
    return out


@njit(_FLOATS(_F, _F), cache=True, error_model="numpy")
def band(target: Floats, width: Floats) -> Floats:
    """Return `target` as last taken: taken anew beyond `width`, at zero, or on another side."""
    out = np.empty(target.shape, np.float64)
    for c in range(target.shape[1]):
        held = 0.0
        for t in range(target.shape[0]):
            wanted = target[t, c]
            crossed = wanted == 0.0 or wanted * held <= 0.0
            if not np.isnan(wanted) and (crossed or abs(wanted - held) > width[t, c]):
                held = wanted
            out[t, c] = held
    return out


@njit(_FLOATS(_F, _F, _F), cache=True, error_model="numpy")
def trail(position: Floats, close: Floats, distance: Floats) -> Floats:
    """Return `position`, flat from a retreat by `distance` on until its side changes."""
    out = np.zeros(position.shape, np.float64)
    for c in range(position.shape[1]):
        side, best, stopped = 0.0, np.nan, False
        for t in range(position.shape[0]):
            wanted = position[t, c]
            now = 1.0 if wanted > 0.0 else (-1.0 if wanted < 0.0 else 0.0)
            price = close[t, c]
            if now != side:
                side, best, stopped = now, price, False
            elif np.isnan(best) or (price - best) * side > 0.0:
                best = price
            if side * (best - price) >= distance[t, c] * best:
                stopped = True
            if now != 0.0 and not stopped:
                out[t, c] = wanted
    return out


@njit(_FLOATS(_F), cache=True, error_model="numpy")
def rank(x: Floats) -> Floats:
    """Return each row's ranks scaled to [0, 1], ties averaged, NaN kept."""
    out = np.full(x.shape, np.nan)
    for t in range(x.shape[0]):
        valid = 0
        for c in range(x.shape[1]):
            if not np.isnan(x[t, c]):
                valid += 1
        for c in range(x.shape[1]):
            if np.isnan(x[t, c]):
                continue
            below, equal = 0, 0
            for other in range(x.shape[1]):
                below += x[t, other] < x[t, c]
                equal += x[t, other] == x[t, c]
            out[t, c] = 0.5 if valid == 1 else (below + 0.5 * (equal - 1)) / (valid - 1)
    return out
