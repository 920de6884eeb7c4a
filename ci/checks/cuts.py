"""Choose the bars at which a strategy is asked again without its future: where a peek would hide or pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Bools, Floats, Ints
from ci.checks.asking import groups_of
from ci.checks.payoffs import Path, payoff_of_distances, payoff_of_exposures

STEP_OF_MAX_LEVERAGE = 0.001
"""Smaller moves than this are no changes: a strategy that flickers by less cannot drown its others in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One decision to ask for again: a row, and the symbol columns that one call of `decide` answers there."""

    row: int
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPlan:
    """Rows to ask again: for each mode one array of rows a symbol, for a panel a single array.

    `columns[i]` are the symbol columns that `rows[i]` speaks of. Rows ascend.
    """

    columns: tuple[tuple[int, ...], ...]
    rows: tuple[Ints, ...]

    @property
    def n_cuts(self) -> int:
        """Calls of `decide` the plan asks for."""
        return sum(int(rows.size) for rows in self.rows)

    def in_order(self) -> tuple[Cut, ...]:
        """Return the cuts as time goes by, symbols side by side: the order in which one child may be asked."""
        cuts = [Cut(row=int(row), columns=c) for c, rows in zip(self.columns, self.rows, strict=True) for row in rows]
        return tuple(sorted(cuts, key=lambda cut: (cut.row, cut.columns)))


def plan_cuts(decisions: Decisions, paths: tuple[Path, ...], *, blocks: Ints, budget: int, seed: bytes) -> CutPlan:
    """Spend `budget` cuts on the counting bars of `decisions`.

    Half go to changes: at most an eighth of all each to moves of a distance, to the largest moves that the next
    bar takes back, the largest changes of sign, the largest other moves; what is left of the half to changes of
    sign, or to other moves when those are few. A quarter goes to bars where a suppressed or advanced change of
    exposure, or another stop or take-profit, would have paid most. The rest goes to chance with at least one in
    every block. What a share cannot use, chance uses.

    Args:
        decisions: Block form, (n_bars, n_symbols).
        paths: Prices of each symbol, in the order of `decisions`.
        blocks: (n_bars,) the number of the block each bar lies in.
        budget: Calls of `decide` over all symbols.
        seed: What the samples depend on; the base commit, so that nobody can choose it.
    """
    rng = np.random.default_rng(list(seed))
    groups = groups_of(decisions)
    share, rest = divmod(budget, len(groups))
    rows = tuple(
        _choose(_scores(decisions, paths, columns), blocks, budget=share + (index < rest), rng=rng)
        for index, columns in enumerate(groups)
    )
    return CutPlan(columns=groups, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scores:
    """Of one group of columns, each (n_bars,): what changes by how much, and what would have paid."""

    counting: Bools
    flip_size: Floats  # 0.0 where no sign changes
    move_size: Floats  # of moves that keep the sign; 0.0 elsewhere
    blip_size: Floats  # of moves that the next bar takes back; 0.0 elsewhere
    distance_moves: Bools
    exposures_paid: Floats
    distances_paid: Floats


def _scores(decisions: Decisions, paths: tuple[Path, ...], columns: tuple[int, ...]) -> _Scores:
    step = STEP_OF_MAX_LEVERAGE * decisions.max_leverage
    n_bars = decisions.exposure.shape[0]
    flip_size, exposures_paid, distances_paid = np.zeros(n_bars), np.zeros(n_bars), np.zeros(n_bars)
    move_size, blip_size = np.zeros(n_bars), np.zeros(n_bars)
    distance_moves = np.zeros(n_bars, dtype=np.bool_)
    for column in columns:
        exposure, path = decisions.exposure[:, column], paths[column]
        stop, take = decisions.stop_loss[:, column], decisions.take_profit[:, column]
        coarse = np.round(exposure / step)
        change = np.diff(coarse, prepend=coarse[:1])
        moved, back = np.abs(change), np.append(-change[1:], 0.0)
        flips = np.concatenate([[False], np.diff(np.sign(coarse)) != 0.0])
        flip_size = np.maximum(flip_size, np.where(flips, moved, 0.0))
        move_size = np.maximum(move_size, np.where(flips, 0.0, moved))
        blip_size = np.maximum(blip_size, np.where(change * back > 0.0, np.minimum(moved, np.abs(back)), 0.0))
        distance_moves |= (coarse != 0.0) & (_moved(stop) | _moved(take))
        exposures_paid += payoff_of_exposures(exposure, path.close, coarse=coarse)
        distances_paid += payoff_of_distances(exposure, stop, take, path, coarse=coarse)
    return _Scores(
        counting=np.asarray(decisions.counts[:, list(columns)].any(axis=1)),
        flip_size=flip_size,
        move_size=move_size,
        blip_size=blip_size,
        distance_moves=distance_moves,
        exposures_paid=exposures_paid,
        distances_paid=distances_paid,
    )


def _moved(distance: Floats) -> Bools:
    """Return the bars on which a distance is another than on the bar before, absent or not."""
    alike = (distance[1:] == distance[:-1]) | (np.isnan(distance[1:]) & np.isnan(distance[:-1]))
    return np.concatenate([[False], ~alike])


def _choose(scores: _Scores, blocks: Ints, *, budget: int, rng: np.random.Generator) -> Ints:
    counting, moves = scores.counting, (scores.flip_size > 0.0) | (scores.move_size > 0.0)
    taken = np.zeros(counting.size, dtype=np.bool_)

    _sample(taken, counting & scores.distance_moves, budget // 8, rng)
    for size in (scores.blip_size, scores.flip_size, scores.move_size):
        _take_best(taken, counting, size, budget // 8, rng)
    _sample(taken, counting & (scores.flip_size > 0.0), budget // 2 - int(taken.sum()), rng)
    _sample(taken, counting & moves, budget // 2 - int(taken.sum()), rng)

    put_off = np.concatenate([moves[1:], [False]])
    parts = [np.where(put_off, scores.exposures_paid, 0.0), scores.exposures_paid]
    parts += [scores.distances_paid] if scores.distances_paid.any() else []
    for paid in parts:
        _take_best(taken, counting, paid, budget // 4 // len(parts), rng)

    first_of_block = _one_in_every_block(counting & ~taken, blocks, rng)
    _sample(taken, first_of_block, budget - int(taken.sum()), rng)
    _sample(taken, counting, budget - int(taken.sum()), rng)
    return np.flatnonzero(taken)


def _sample(taken: Bools, wanted: Bools, budget: int, rng: np.random.Generator) -> None:
    rows = np.flatnonzero(wanted & ~taken)
    if budget > 0 and rows.size:
        taken[rows if rows.size <= budget else rng.choice(rows, size=budget, replace=False)] = True


def _take_best(taken: Bools, wanted: Bools, score: Floats, budget: int, rng: np.random.Generator) -> None:
    """Take the rows with the highest scores above zero; chance decides between equals."""
    rows = np.flatnonzero(wanted & ~taken & (score > 0.0))
    best = rows[np.lexsort((rng.random(rows.size), -score[rows]))[:budget]]
    taken[best] = True


def _one_in_every_block(free: Bools, blocks: Ints, rng: np.random.Generator) -> Bools:
    rows = np.flatnonzero(free)
    shuffled = rng.permutation(rows)
    _, first = np.unique(blocks[shuffled], return_index=True)
    chosen = np.zeros(free.size, dtype=np.bool_)
    chosen[shuffled[first]] = True
    return chosen
