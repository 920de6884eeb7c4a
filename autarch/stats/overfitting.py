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
    half = blocks // 2
    at_or_below = losing = splits = 0
    for chosen in _chunks(combinations(range(blocks), half)):
        inside = np.zeros((len(chosen), blocks))
        inside[np.arange(len(chosen))[:, None], chosen] = 1.0
        best = np.argmax(moments.ratios(inside), axis=1)
        outside = moments.ratios(1.0 - inside)
        theirs = outside[np.arange(len(chosen)), best]
        below = np.sum(outside < theirs[:, None], axis=1)
        equal = np.sum(outside == theirs[:, None], axis=1)
        doubled_rank = 2 * below + equal + 1  # twice the average rank, so that ties stay whole numbers
        at_or_below += int(np.sum(doubled_rank <= returns.shape[1] + 1))
        losing += int(np.sum(theirs < 0.0))
        splits += len(chosen)
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
    """Sums of each block about the column means, (S, N): of returns and of their squares, `size` rows a block."""

    mean: Floats
    sums: Floats
    squares: Floats
    size: int

    def ratios(self, chosen: Floats) -> Floats:
        """Return each column's Sharpe ratio (n, N) over the blocks that `chosen` (n, S) marks with 1.

        Raises:
            UndecidedError: a column has no spread there.
        """
        count = self.size * int(chosen[0].sum())
        off = _added(chosen, self.sums) / count
        squares = _added(chosen, self.squares)
        variance = (squares - count * off**2) / (count - 1)
        if not (variance > _NO_SPREAD * (squares / count + self.mean**2)).all():
            raise UndecidedError("a try has no spread in one half of the record: drop tries that hardly trade first")
        ratios: Floats = (self.mean + off) / np.sqrt(variance)
        return ratios


def _block_moments(returns: Floats, blocks: int) -> _BlockMoments:
    mean = returns.mean(axis=0)
    size = returns.shape[0] // blocks
    cut = (returns - mean).reshape(blocks, size, -1)
    return _BlockMoments(mean=mean, sums=cut.sum(axis=1), squares=(cut**2).sum(axis=1), size=size)


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


def _added(chosen: Floats, blocks: Floats) -> Floats:
    """Return chosen @ blocks summed block by block: BLAS may add in another order on another machine."""
    total = np.zeros((chosen.shape[0], blocks.shape[1]))
    for number, row in enumerate(blocks):
        total += chosen[:, number : number + 1] * row
    return total


def _chunks(combos: Iterator[tuple[int, ...]]) -> Iterator[NDArray[np.int64]]:
    batch: list[tuple[int, ...]] = []
    for combo in combos:
        batch.append(combo)
        if len(batch) == _CHUNK:
            yield np.array(batch)
            batch = []
    if batch:
        yield np.array(batch)
