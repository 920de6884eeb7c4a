"""A span of days in consecutive parts: what each earned, and what choosing on the past would have earned."""

from __future__ import annotations

import numpy as np

from autarch.market.types import Floats, Ints
from autarch.metrics.daily import sharpe


def fold_returns(daily: Floats, *, folds: int) -> Floats:
    """Return what each of `folds` consecutive parts, as even as can be, earned: product of (1 + r) less one.

    A part without a day earned nothing. Shape (folds,).
    """
    return np.array([float(np.prod(1.0 + part)) - 1.0 for part in np.array_split(daily, folds)])


def walk_forward(daily: Floats, *, folds: int) -> tuple[Floats, Ints]:
    """Return daily returns (n_days,) of choosing anew before each fold, and which set was chosen (folds,).

    An anchored walk-forward (Pardo, Design, Testing and Optimization of Trading Systems, 1992): each fold is
    played with the set whose Sharpe ratio over all days before it was the highest; of equals the first, and a
    set without spread counts as zero. The first fold has no past and is played with set 0, the declared one.

    Args:
        daily: (n_sets, n_days), the declared parameters first.
        folds: At least one.
    """
    parts = np.array_split(np.arange(daily.shape[1]), folds)
    chosen = np.zeros(folds, dtype=np.int64)
    played = []
    for index, days in enumerate(parts):
        if index > 0:
            known = [sharpe(one) or 0.0 for one in daily[:, : int(days[0]) if days.size else daily.shape[1]]]
            chosen[index] = int(np.argmax(known))
        played.append(daily[chosen[index], days])
    return np.concatenate(played), chosen
