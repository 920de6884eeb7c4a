"""A compiled loop for the battery: what LLVM makes of a recurrence, a reduction and calls of libm.

Without fastmath LLVM may neither contract a product and a sum into one rounding nor reorder a
reduction, whatever the CPU; the battery would see it if a release of numba began to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numba import float64, njit, types
from numpy.typing import NDArray

Floats = NDArray[np.float64]
P = ParamSpec("P")
R = TypeVar("R")

_VECTOR: Any = types.Array(float64, 1, "C", readonly=True)
_ROWS: Any = float64[:, ::1]


def _compiled(signature: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile at once for one signature, or load from the cache, as the engine's rules are compiled."""
    return cast("Callable[[Callable[P, R]], Callable[P, R]]", njit(signature, cache=True, error_model="numpy"))


@_compiled(_ROWS(_VECTOR, _VECTOR))
def loop(u: Floats, x: Floats) -> Floats:
    """Return one row each of: an average with memory, a running product sum, products and sums, exp, log, pow, a root.

    Args:
        u: Values in (0, 1), shape (n,).
        x: Values of both signs, shape (n,).
    """
    out = np.empty((7, u.size))
    average, total = 0.0, 0.0
    for i in range(u.size):
        average = average * 0.9 + x[i] * 0.1
        total += x[i] * u[i]
        out[0, i] = average
        out[1, i] = total
        out[2, i] = u[i] * x[i] + average * u[i] - u[i]
        out[3, i] = math.exp(x[i])
        out[4, i] = math.log(u[i])
        out[5, i] = u[i] ** 1.7
        out[6, i] = math.sqrt(u[i])
    return out


@_compiled(float64(_VECTOR, _VECTOR))
def product_sum(u: Floats, x: Floats) -> float:
    """Return the sum of u[i] * x[i], a loop that a compiler would gladly cut into lanes."""
    total = 0.0
    for i in range(u.size):
        total += u[i] * x[i]
    return total
