"""How often the best of a search in sample is poor out of sample: PBO by CSCV, and combinatorial purged splits.

Sources: Bailey, Borwein, Lopez de Prado and Zhu, "The Probability of Backtest Overfitting" (2014), section 2;
Lopez de Prado, "Advances in Financial Machine Learning" (2018), chapter 12, for the combinatorial splits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from autarch.errors import UndecidedError
from autarch.stats.sharpe import Floats

SPLITS_WIDE, SPLITS_NARROW, DAYS_FOR_WIDE = 16, 8, 320
_CHUNK: Final = 1024
_BLOCKS_MAX: Final = 20
_NO_SPREAD: Final = 1e-12
"""Of the mean square: what rounding alone leaves of a constant; daily returns have far more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """Counts over all splits, kept as integers so that evidence says 36 of 70 and not a rounded share."""

    splits: int
    at_or_below_median: int
    losing: int

    @property
    def pbo(self) -> float:
        """Share of splits in which the in-sample best ranks at or below the out-of-sample median."""
        return self.at_or_below_median / self.splits

    @property
    def loss_frac(self) -> float:
        """Share of splits in which the in-sample best has a negative Sharpe ratio out of sample."""
        return self.losing / self.splits


def blocks_for(days: int) -> int:
    """Return how many blocks a record of `days` is cut into: 16, or 8 below 320 days (own choice)."""
    return SPLITS_WIDE if days >= DAYS_FOR_WIDE else SPLITS_NARROW


def trimmed(returns: Floats, *, blocks: int) -> Floats:
    """Return `returns` (T, N) without its oldest T mod `blocks` rows, so that the blocks are equal."""
    return returns[returns.shape[0] % blocks :]


def pbo(returns: Floats, *, days: int, blocks: int) -> Overfitting:
    """Count, over all halves of the record, how the in-sample best does in the other half.

    For each of the C(S, S/2) halves: n* = argmax of the in-sample Sharpe ratio (first on ties), w = its average
    rank out of sample over (N + 1), lambda = ln(w / (1 - w)); counted when lambda <= 0, that is w <= 1/2.

    Args:
        returns: (T, N), time in rows, tries in columns, S dividing T.
        days: T again, as the caller counts it: a matrix on its side is refused by it.
        blocks: S, even.

    Raises:
        ValueError: a shape, an odd S, or T not divisible by S: trim first, libraries disagree about what to drop.
        UndecidedError: NaN, fewer than two columns, or a column without spread in some half.
    """
    _require_matrix(returns, days, blocks)
    moments = _block_moments(returns, blocks)
    rows, columns = np.arange(_CHUNK), returns.shape[1]
    at_or_below = losing = splits = 0
    for chosen in _chunks(blocks):
        one, other = moments.ratios(chosen), moments.ratios(2**blocks - 1 - chosen)
        for inside, outside in ((one, other), (other, one)):
            theirs = outside[rows[: chosen.size], np.argmax(inside, axis=1)]
            below = np.count_nonzero(outside < theirs[:, None], axis=1)
            equal = np.count_nonzero(outside == theirs[:, None], axis=1)
            doubled_rank = 2 * below + equal + 1  # twice the average rank, so that ties stay whole numbers
            at_or_below += int(np.count_nonzero(doubled_rank <= columns + 1))
            losing += int(np.count_nonzero(theirs < 0.0))
            splits += chosen.size
    return Overfitting(splits=splits, at_or_below_median=at_or_below, losing=losing)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedSplit:
    """One combinatorial split: which groups test, and the rows to train and to test on, ascending."""

    test_groups: tuple[int, ...]
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def purged_splits(rows: int, *, groups: int, test_groups: int, purge: int = 0, embargo: int = 0) -> list[PurgedSplit]:
    """Return all C(N, k) splits of combinatorial purged cross-validation.

    Args:
        rows: Observations, in time order; the first `rows` mod `groups` groups are one longer.
        groups: N contiguous groups.
        test_groups: k groups a split tests on.
        purge: Rows before each test group that may overlap its labels and are not trained on.
        embargo: Rows after each test group likewise.

    Raises:
        ValueError: not 1 <= k < N <= rows, or a negative purge or embargo.
    """
    if not 1 <= test_groups < groups <= rows:
        raise ValueError(f"{test_groups} of {groups} groups over {rows} rows; expected 1 <= k < N <= rows")
    if min(purge, embargo) < 0:
        raise ValueError(f"purge {purge}, embargo {embargo}; expected 0 or more rows")
    ends = np.cumsum([rows // groups + (g < rows % groups) for g in range(groups)])
    starts = ends - np.diff(ends, prepend=0)
    found = []
    for chosen in combinations(range(groups), test_groups):
        test, barred = np.zeros(rows, bool), np.zeros(rows, bool)
        for g in chosen:
            test[starts[g] : ends[g]] = True
            barred[max(0, starts[g] - purge) : ends[g] + embargo] = True
        found.append(PurgedSplit(test_groups=chosen, train=np.flatnonzero(~barred & ~test), test=np.flatnonzero(test)))
    return found


def path_count(*, groups: int, test_groups: int) -> int:
    """Return how many whole out-of-sample paths the splits make: k/N C(N, k)."""
    return test_groups * math.comb(groups, test_groups) // groups


def paths(*, groups: int, test_groups: int) -> tuple[tuple[int, ...], ...]:
    """Return for each path and each group the number of the split whose test supplies it.

    Path j takes, for each group, the j-th split that tests it, in the order of `purged_splits`.
    """
    testing: list[list[int]] = [[] for _ in range(groups)]
    for number, chosen in enumerate(combinations(range(groups), test_groups)):
        for g in chosen:
            testing[g].append(number)
    return tuple(zip(*testing, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _BlockMoments:
    """Sums about the column means, of returns and of their squares, over every subset of blocks.

    A subset is a whole number whose bit k says whether block k is in it. `sums` and `squares` hold, for the lower and
    for the upper half of the blocks, all subsets' sums (2^(S/2), N): any subset is one of each added.
    """

    mean: Floats
    sums: tuple[Floats, Floats]
    squares: tuple[Floats, Floats]
    size: int
    half: int

    def ratios(self, chosen: NDArray[np.int64]) -> Floats:
        """Return each column's Sharpe ratio (n, N) over each subset of half the blocks in `chosen` (n,).

        Raises:
            UndecidedError: a column has no spread there.
        """
        count = self.size * self.half
        low, high = chosen & (2**self.half - 1), chosen >> self.half
        off = (self.sums[0][low] + self.sums[1][high]) / count
        squares = self.squares[0][low] + self.squares[1][high]
        variance = (squares - count * off**2) / (count - 1)
        if not (variance > _NO_SPREAD * (squares / count + self.mean**2)).all():
            raise UndecidedError("a try has no spread in one half of the record: drop tries that hardly trade first")
        ratios: Floats = (self.mean + off) / np.sqrt(variance)
        return ratios


def _block_moments(returns: Floats, blocks: int) -> _BlockMoments:
    mean = returns.mean(axis=0)
    size, half = returns.shape[0] // blocks, blocks // 2
    cut = (returns - mean).reshape(blocks, size, -1)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    return _BlockMoments(
        mean=mean,
        sums=(_subset_sums(sums[:half]), _subset_sums(sums[half:])),
        squares=(_subset_sums(squares[:half]), _subset_sums(squares[half:])),
        size=size,
        half=half,
    )


def _subset_sums(blocks: Floats) -> Floats:
    """Return the sum of every subset of `blocks` (S, N), (2^S, N), each added in ascending order of blocks."""
    sums = np.zeros((1, blocks.shape[1]))
    for block in blocks:  # no product of matrices: BLAS may add in another order on another machine
        sums = np.concatenate([sums, sums + block])
    return sums


def _require_matrix(returns: Floats, days: int, blocks: int) -> None:
    if returns.ndim != 2 or returns.shape[0] != days:
        raise ValueError(f"returns have shape {returns.shape}; expected ({days}, N), time in rows")
    if blocks < 2 or blocks % 2 or blocks > _BLOCKS_MAX:
        raise ValueError(f"{blocks} blocks; expected an even number from 2 to {_BLOCKS_MAX}")
    if days % blocks:
        raise ValueError(f"{days} days do not divide into {blocks} blocks; trim the oldest {days % blocks} first")
    if days // blocks < 2:
        raise ValueError(f"{days} days in {blocks} blocks: fewer than two a block")
    if returns.shape[1] < 2:
        raise UndecidedError("one try has no best of a search: PBO needs at least two columns")
    if not np.isfinite(returns).all():
        raise UndecidedError("a return is NaN or infinite; PBO of the rest would be of another search")


def _chunks(blocks: int) -> Iterator[NDArray[np.int64]]:
    """Yield, some at a time, every half of the blocks that holds the last one; the others are what these leave."""
    every = np.arange(2 ** (blocks - 1), 2**blocks)
    bits = sum((every >> k) & 1 for k in range(blocks))
    halves = every[bits == blocks // 2]
    for first in range(0, halves.size, _CHUNK):
        yield halves[first : first + _CHUNK]
