"""Answers about a reused holdout that cannot be climbed by luck: the Ladder and Thresholdout.

Sources: Blum and Hardt, "The Ladder" (2015), algorithms 1 and 2; the form for paired daily returns is our own.
Dwork et al., "The reusable holdout" (2015), with Gaussian noise in place of Laplace.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autarch.errors import UndecidedError
from autarch.stats.resampling import stationary_rows
from autarch.stats.sharpe import Floats

TIE: Final = 1e-12
BOOTSTRAP_REPS: Final = 2000
BOOTSTRAP_BLOCK: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """The best submission so far: its released loss and its losses, one per observation."""

    released: float
    losses: Floats


def climb(rung: Rung | None, losses: Floats) -> Rung:
    """Return the rung after a submission: the new one only if its mean loss is better by more than eta.

    Parameter-free and unrounded: eta = s / sqrt(n), s the sample deviation of the paired differences of losses
    from the last released submission (algorithm 2). The first submission is released. Ties keep the old rung.

    Raises:
        ValueError: the losses are not one series of the rung's length, with at least two finite values.
    """
    if losses.ndim != 1 or losses.size < 2 or not np.isfinite(losses).all():
        raise ValueError(f"losses have shape {losses.shape}; expected (n,), n >= 2, finite")
    raw = float(losses.mean())
    if rung is None:
        return Rung(released=raw, losses=losses)
    if rung.losses.shape != losses.shape:
        raise ValueError(f"{losses.size} losses beside {rung.losses.size}; submissions answer the same questions")
    eta = float((losses - rung.losses).std(ddof=1)) / math.sqrt(losses.size)
    if raw < rung.released - eta - TIE:
        return Rung(released=raw, losses=losses)
    return rung


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Candidate against incumbent: the mean of paired differences and its standard error, in train deviations a day."""

    mean: float
    eta: float

    @property
    def improved(self) -> bool:
        """Better by more than the noise."""
        return self.mean > self.eta + TIE

    @property
    def worse(self) -> bool:
        """Worse by more than the noise."""
        return self.mean < -self.eta - TIE

    @property
    def score(self) -> float | None:
        """The mean rounded to a multiple of eta when improved; it stays sealed until the epoch closes."""
        return self.eta * round(self.mean / self.eta) if self.improved else None


def compare_paired(
    candidate: Floats, incumbent: Floats, *, candidate_deviation: float, incumbent_deviation: float, seed: int
) -> Compared:
    """Compare daily returns on the same holdout days, each divided by its own *train* deviation.

    Leverage thus buys no score. eta is the standard error of the mean difference by the stationary bootstrap
    (Politis and Romano 1994), mean block 10 days, 2,000 resamples.

    Args:
        candidate: (T,) daily returns.
        incumbent: (T,) the same days; zeros for cash.
        candidate_deviation: Standard deviation of its daily returns on train.
        incumbent_deviation: Likewise; any positive number for cash.
        seed: From the epoch and both digests.

    Raises:
        ValueError: shapes differ or a deviation is not positive.
        UndecidedError: NaN, fewer than two days, or no spread of the difference: not a number but an absence.
    """
    if candidate.shape != incumbent.shape or candidate.ndim != 1:
        raise ValueError(f"returns have shapes {candidate.shape} and {incumbent.shape}; expected the same days")
    if not (candidate_deviation > 0 and incumbent_deviation > 0):
        raise ValueError(f"deviations {candidate_deviation}, {incumbent_deviation}; expected above 0")
    difference = candidate / candidate_deviation - incumbent / incumbent_deviation
    if difference.size < 2 or not np.isfinite(difference).all():
        raise UndecidedError(f"{difference.size} days, or a return that is not a number: nothing can be compared")
    eta = bootstrap_error(difference, seed=seed)
    if not eta > 0:
        raise UndecidedError("candidate and incumbent differ by the same on every day: there is no noise to beat")
    return Compared(mean=float(difference.mean()), eta=eta)


def bootstrap_error(
    values: Floats, *, seed: int, reps: int = BOOTSTRAP_REPS, mean_block: float = BOOTSTRAP_BLOCK
) -> float:
    """Return the standard error of the mean of `values` (T,) by the stationary bootstrap."""
    return float(values[_rows(values.size, seed, reps, mean_block)].mean(axis=1).std(ddof=1))


@lru_cache(maxsize=4)
def _rows(count: int, seed: int, reps: int, mean_block: float) -> NDArray[np.int64]:
    """Return the resamples of a seed; who compares many things under one seed waits for them once."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = stationary_rows(count, resamples=reps, mean_block=mean_block, rng=rng)
    rows.setflags(write=False)
    return rows


@dataclass(slots=True, kw_only=True)
class Thresholdout:
    """Answers by the training value unless the holdout disagrees by more than a noisy threshold.

    Gaussian noise: the Laplace form lets the training value through now and then. Bound the budget all the same and
    never rest on one answer.

    Attributes:
        threshold: T, in the units of the answers.
        noise: Standard deviation of the noise on threshold and answer.
        budget: Answers from the holdout that are left.
        normal: Draws one standard normal value.
    """

    threshold: float
    noise: float
    budget: int
    normal: Callable[[], float]

    def answer(self, train: float, holdout: float) -> float:
        """Return the training value, or the noisy holdout's where they disagree, which spends one of the budget.

        Raises:
            UndecidedError: the budget is spent.
            ValueError: a value is not finite.
        """
        if not (math.isfinite(train) and math.isfinite(holdout)):
            raise ValueError(f"train {train}, holdout {holdout}: each must be finite")
        if self.budget <= 0:
            raise UndecidedError("the holdout's budget of answers is spent; it stays closed until a new epoch")
        if abs(holdout - train) <= self.threshold + self.noise * self.normal():
            return train
        self.budget -= 1
        return holdout + self.noise * self.normal()
