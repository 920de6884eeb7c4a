"""The number a search on train bars raises: steady rather than high."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.errors import StrategyError
from autarch.market.types import Floats, Ints
from autarch.metrics import daily_returns, sharpe

FOLDS: Final = 4
OBJECTIVE: Final = "mean less half the standard deviation of the annual Sharpe ratio over four quarters of train"
"""Own choice: an average earned in one quarter alone counts less than the same in every quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """`score` is OBJECTIVE, `sharpe` that of all days."""

    score: float
    sharpe: float


def score_of(equity: Floats, ts: Ints, *, interval_ms: int) -> Score:
    """Return how an equity curve (n,) over bar opens `ts` (n,) scores.

    Raises:
        StrategyError: a quarter has no return, or none that differs from another.
    """
    returns = daily_returns(equity, ts, interval_ms=interval_ms)
    folds = [sharpe(fold) for fold in np.array_split(returns, FOLDS)]
    known = [fold for fold in folds if fold is not None]
    whole = sharpe(returns)
    if whole is None or len(known) < FOLDS:
        raise StrategyError("a quarter of train without any return; nothing to compare")
    value = float(np.mean(known) - 0.5 * np.std(known))
    if not math.isfinite(value):
        raise StrategyError("the score is not a finite number; returns are too uneven to compare")
    return Score(score=value, sharpe=whole)
