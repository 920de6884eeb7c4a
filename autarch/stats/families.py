"""How many of the tries were different tries. Shown beside the registered number, never in its place."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from autarch.errors import UndecidedError
from autarch.stats.sharpe import Floats

SAME_CORRELATION: Final = 0.7


def effective_trials(returns: Floats, *, correlation: float = SAME_CORRELATION) -> int:
    """Return the number of families of tries; see `families`."""
    return int(families(returns, correlation=correlation).max()) + 1


def families(returns: Floats, *, correlation: float = SAME_CORRELATION) -> NDArray[np.int64]:
    """Return (N,) the family of each try, numbered by first member: two are one whenever they reach `correlation`.

    Single linkage over Pearson correlations of daily returns (own choice): tries that vary one idea by small steps
    are one. It can only lower a count; whoever counts trials uses the registered number.

    Args:
        returns: (T, N), time in rows. Columns without spread are one family together.
        correlation: In (0, 1].

    Raises:
        UndecidedError: NaN or fewer than three rows.
        ValueError: a shape, or `correlation` outside (0, 1].
    """
    if returns.ndim != 2 or returns.shape[1] < 1 or not 0 < correlation <= 1:
        raise ValueError(f"returns {returns.shape}, correlation {correlation}; expected (T, N) and (0, 1]")
    if returns.shape[0] < 3 or not np.isfinite(returns).all():
        raise UndecidedError("too few days, or a return that is not a number: tries cannot be told apart")
    centred = returns - returns.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    moving = length > 0
    unit = centred[:, moving] / length[moving]
    alike = np.zeros((returns.shape[1],) * 2, bool)
    alike[np.ix_(moving, moving)] = unit.T @ unit >= correlation
    alike[np.ix_(~moving, ~moving)] = True
    found = np.full(returns.shape[1], -1)
    for number in range(returns.shape[1]):
        left = found < 0
        if not left.any():
            break
        front = np.zeros_like(left)
        front[np.argmax(left)] = True
        while front.any():
            found[front] = number
            front = alike[front].any(axis=0) & (found < 0)
    return found
