"""Whether what was decided can be played: one compiled look, and a slow one that says what is wrong."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.jit import compiled, internal
from autarch.engine.tape import Wish
from autarch.errors import StrategyError
from autarch.market.types import Floats

LEVERAGE_SLACK: Final = 1e-9


@compiled
def is_sound(wish: Wish, limit: float, of_sum: bool) -> bool:  # noqa: FBT001  compiled code
    """Return whether every |wanted| (or each bar's sum of them) is at most `limit` and every distance in (0, 1) or NaN.

    True may be relied on; the sum's rounding can make it False in doubt.
    """
    wanted = wish.wanted.reshape(-1)
    width = wish.wanted.shape[1]
    sound = True
    for i in range(wanted.size):
        sound &= abs(wanted[i]) <= limit
    if of_sum and width > 1:
        for row in range(wish.wanted.shape[0]):
            total = 0.0
            for j in range(width):
                total += abs(wish.wanted[row, j])
            sound &= total <= limit
    return sound and _are_distances(wish.stops) and _are_distances(wish.takes)


@internal
def _are_distances(distances: Floats) -> bool:
    flat = distances.reshape(-1)
    wrong = False
    for i in range(flat.size):
        wrong |= (flat[i] <= 0.0) | (flat[i] >= 1.0)
    return not wrong


def check_exposures(wish: Wish, *, max_leverage: float, mode: str) -> None:
    """Refuse exposures and distances that a strategy may not return.

    Raises:
        StrategyError: an exposure is not finite or beyond max_leverage, or a distance outside (0, 1).
    """
    limit, panel = max_leverage + LEVERAGE_SLACK, mode == "panel"
    if is_sound(wish, limit, panel):
        return
    if not np.isfinite(wish.wanted).all():
        row = int(np.argwhere(~np.isfinite(wish.wanted))[0][0])
        raise StrategyError(f"exposure on row {row} is not a finite number; return 0.0 where nothing is wanted")
    asked = np.abs(wish.wanted)
    worst = float((asked.sum(axis=1) if panel else asked).max(initial=0.0))
    if worst > limit:
        what = "the sum of |exposure|" if panel else "|exposure|"
        raise StrategyError(f"{what} reaches {worst}; max_leverage is {max_leverage}")
    _check_distances(wish)


def check_quantities(wish: Wish) -> None:
    """Refuse quantities and distances that mean nothing.

    Raises:
        StrategyError: a quantity is not finite, or a distance outside (0, 1).
    """
    if is_sound(wish, float(np.finfo(np.float64).max), False):
        return
    if not np.isfinite(wish.wanted).all():
        raise StrategyError("a wanted quantity is NaN or infinite; every bar needs a finite number of coins")
    _check_distances(wish)


def _check_distances(wish: Wish) -> None:
    for name, distances in (("stop_loss", wish.stops), ("take_profit", wish.takes)):
        given = distances[~np.isnan(distances)]
        if not ((given > 0.0) & (given < 1.0)).all():
            raise StrategyError(f"a {name} distance lies outside (0, 1); give a fraction of the entry price, or NaN")
