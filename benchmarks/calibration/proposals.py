"""A proposal whose truth is known, and what the gate's own statistics say of it.

Its author tried a family of parameter sets on train and proposes the best. Train is judged by the evidence check, a
look by the rule of the vault, the test of promotion by the rule of `autarch judge`; nothing here re-implements them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.errors import UndecidedError
from autarch.evidence.returns import quantised
from autarch.market.parts import DAY_MS, looked_until_ms
from autarch.market.types import Floats, Ints
from autarch.stats.ladder import compare_paired
from autarch.stats.resampling import stationary_rows
from autarch.stats.sharpe import SharpeSample, sharpe_sample
from benchmarks.calibration.pool import Pool
from ci.checks.evidence import Record, deciding
from ci.policy_tables import EvidencePolicy
from ci.promotion.deciding import Measured, measure

TRAIN_DAYS: Final = 730
HOLDOUT_DAYS: Final = (182, 365, 730, 1460)
FORWARD_DAYS: Final = 365
BLOCK_DAYS: Final = 10.0
"""Mean length of the blocks that are shuffled."""
LIMITS: Final = EvidencePolicy(search_sets=24, pbo_max=0.5, loss_frac_max=0.5, spa_resamples=100, look_seconds=20.0)
"""The standard preset's, but for what is only shown."""
REDRAWS_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Which days of the pool make train, the longest holdout and forward days, one after the other."""

    pool: Pool
    train: Ints
    holdout: Ints
    forward: Ints

    def returns(self, columns: Ints, rows: Ints, *, edge: float) -> Floats:
        """Return columns (T, n) whose true annual Sharpe ratio is `edge`: a drift in deviations of the pool's days."""
        drift = edge / math.sqrt(365.0) * self.pool.returns[:, columns].std(axis=0)
        found: Floats = self.pool.returns[np.ix_(rows, columns)] + drift
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the holdout of one length says of a proposal.

    Attributes:
        word: Of the look at its first part.
        kept: What the test of promotion measures on the rest.
        whole: The same on all of it, for rules that do not part it.
    """

    word: str
    kept: Measured
    whole: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One proposal. `edge` is its true annual Sharpe ratio, `train` what its author saw, `heard` by holdout days."""

    edge: float
    train: SharpeSample
    merges: bool
    heard: dict[int, Heard]
    deviation: float
    forward: Floats


def world_of(pool: Pool, rng: np.random.Generator) -> World:
    """Return days of the pool in shuffled blocks (Politis and Romano 1994): what follows what is kept for a while."""
    first = TRAIN_DAYS
    second = first + HOLDOUT_DAYS[-1]
    total, there = second + FORWARD_DAYS, pool.returns.shape[0]
    rows = stationary_rows(there, resamples=-(-total // there), mean_block=BLOCK_DAYS, rng=rng).ravel()
    return World(pool=pool, train=rows[:first], holdout=rows[first:second], forward=rows[second:total])


def searched(world: World, columns: Ints, *, edge: float) -> tuple[Ints, Floats]:
    """Return what an author tried, the best on train first, and train returns (T, n) in that order."""
    tried = world.returns(columns, world.train, edge=edge)
    best = int(np.argmax(tried.mean(axis=0) / tried.std(axis=0)))
    order = [best, *(k for k in range(columns.size) if k != best)]
    return columns[order], tried[:, order]


def proposal(
    world: World, columns: Ints, *, edge: float, seed: int, holdouts: tuple[int, ...] = HOLDOUT_DAYS
) -> Proposal:
    """Return the best of `columns` on train as a proposal, judged."""
    order, tried = searched(world, columns, edge=edge)
    own = tried[:, 0]
    hidden = world.returns(order[:1], world.holdout, edge=edge)[:, 0]
    deviation = float(own.std(ddof=1))
    return Proposal(
        edge=edge,
        train=sharpe_sample(own),
        merges=passes_train(tried, world.pool.held[world.train], trials=columns.size, seed=seed),
        heard={size: heard(hidden[:size], deviation, seed=seed) for size in holdouts},
        deviation=deviation,
        forward=world.returns(order[:1], world.forward, edge=edge)[:, 0],
    )


def passes_train(tried: Floats, held: Floats, *, trials: int, seed: int) -> bool:
    """Return whether the evidence check's train part lets a search (T, n) pass, its proposal in the first column."""
    own, *others = (quantised(tried[:, k], first_day=0) for k in range(tried.shape[1]))
    record = Record(own=own, tried=others, held=held, trials=trials, variance=None, seed=seed)
    try:
        return all(found.holds for found in deciding(record, limits=LIMITS))
    except UndecidedError:
        return False


def heard(hidden: Floats, deviation: float, *, seed: int) -> Heard:
    """Return what a holdout (T,) says: a word on its first part, the test's measure on the rest and on the whole."""
    part = looked_until_ms(0, hidden.size * DAY_MS) // DAY_MS
    return Heard(
        word=word_on(hidden[:part], deviation, seed=seed), kept=measured(hidden[part:]), whole=measured(hidden)
    )


def measured(daily: Floats) -> Measured:
    """Return what the test of promotion measures on days (T,); p is 1 where it cannot: that test is spent as well."""
    try:
        return measure(daily)
    except (UndecidedError, ValueError):  # it held nothing all along, so that its days are one drift without spread
        return Measured(p=1.0, ratio=0.0, days=daily.size, days_effective=daily.size)


def word_on(days: Floats, deviation: float, *, seed: int, incumbent: Floats | None = None, other: float = 1.0) -> str:
    """Return the word of a look, beside cash or an incumbent of train deviation `other`."""
    against = np.zeros_like(days) if incumbent is None else incumbent
    try:
        found = compare_paired(days, against, candidate_deviation=deviation, incumbent_deviation=other, seed=seed)
    except UndecidedError:
        return "not computed"
    return "improved" if found.improved else "worse" if found.worse else "no change"


def search_of(world: World, rng: np.random.Generator, *, edge: float, families: Ints, sets: int | None = None) -> Ints:
    """Return the columns of a search whose best earns on train: who finds nothing there proposes nothing.

    Args:
        world: Its bars.
        rng: The author's.
        edge: True annual Sharpe ratio of all that is tried.
        families: Those to choose from.
        sets: How many parameter sets are tried; all where None.
    """
    for _ in range(REDRAWS_MAX):
        columns = world.pool.columns(int(rng.choice(families)))
        if sets is not None:
            columns = np.sort(rng.choice(columns, size=min(sets, columns.size), replace=False))
        if searched(world, columns, edge=edge)[1][:, 0].mean() > 0.0:
            break
    return columns
