"""How many of the tries were different tries. Shown beside the registered number, never in its place."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.errors import UndecidedError
from autarch.stats.sharpe import Floats

SAME_CORRELATION: Final = 0.7


def effective_trials(returns: Floats, *, correlation: float = SAME_CORRELATION) -> int:
    """Return the number of clusters of tries, two in one whenever their correlation reaches `correlation`.

    Single linkage over Pearson correlations of daily returns (own choice): tries that vary one idea by small steps
    are one. It can only lower the count; whoever judges uses the registered number.

    Args:
        returns: (T, N), time in rows. Columns without spread are one cluster together.
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
    alike = unit.T @ unit >= correlation
    left, clusters = np.ones(alike.shape[0], bool), int(not moving.all())
    while left.any():
        front = np.zeros_like(left)
        front[np.argmax(left)] = True
        while front.any():
            left &= ~front
            front = alike[front].any(axis=0) & left
        clusters += 1
    return clusters
