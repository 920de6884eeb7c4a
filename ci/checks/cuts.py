"""Choose the bars at which a strategy is asked again without its future: where a peek would hide or pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Bools, Floats, Ints


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


def plan_cuts(decisions: Decisions, close: Floats, *, blocks: Ints, budget: int, seed: bytes) -> CutPlan:
    """Spend `budget` cuts on the counting bars of `decisions`.

    Half go to bars where the exposure's sign changes (other changes when those are few), a quarter
    to bars where a suppressed or advanced change would have paid most, the rest to chance with at
    least one in every block. What a share cannot use, chance uses.

    Args:
        decisions: Block form, (n_bars, n_symbols).
        close: (n_bars, n_symbols), columns as in `decisions`.
        blocks: (n_bars,) the number of the block each bar lies in.
        budget: Calls of `decide` over all symbols.
        seed: What the samples depend on; the base commit, so that nobody can choose it.
    """
    rng = np.random.default_rng(list(seed))
    n_symbols = len(decisions.symbols)
    groups = (tuple(range(n_symbols)),) if decisions.mode == "panel" else tuple((c,) for c in range(n_symbols))
    share, rest = divmod(budget, len(groups))
    rows = tuple(
        _choose(decisions, close, list(columns), blocks=blocks, budget=share + (index < rest), rng=rng)
        for index, columns in enumerate(groups)
    )
    return CutPlan(columns=groups, rows=rows)


def payoff_of_not_changing(exposure: Floats, close: Floats) -> Floats:
    """Return, a bar, what the decision at that bar earned on the next bar beyond its best alibi.

    The alternatives are what a strategy that cannot see the next bar might as well have wanted: the
    decision before, the one after (a change put off), the last different one (a change brought
    forward) and flat. The largest gain over any of them is what a peek would have been paid.
    Own choice, after the exits that a look-ahead delays where the next bar pays.

    Args:
        exposure: (n_bars,).
        close: (n_bars,).

    Returns:
        (n_bars,), 0.0 for the last bar, never below 0.0.
    """
    ahead = np.zeros(exposure.size)
    ahead[:-1] = close[1:] / close[:-1] - 1.0
    before = np.concatenate([exposure[:1], exposure[:-1]])
    after = np.concatenate([exposure[1:], exposure[-1:]])
    gains = [(exposure - other) * ahead for other in (before, after, _last_different(exposure), 0.0)]
    paid: Floats = np.maximum(np.stack(gains).max(axis=0), 0.0)
    return paid


def _last_different(exposure: Floats) -> Floats:
    """Return, a bar, the exposure held before the current run of equal ones began (0.0 in the first run)."""
    starts = np.flatnonzero(np.concatenate([[True], exposure[1:] != exposure[:-1]]))
    run = np.searchsorted(starts, np.arange(exposure.size), side="right") - 1
    previous = np.concatenate([[0.0], exposure[starts[:-1]]])
    result: Floats = previous[run]
    return result


def _choose(  # noqa: PLR0913  the plan's own arguments, for one group of columns
    decisions: Decisions, close: Floats, columns: list[int], *, blocks: Ints, budget: int, rng: np.random.Generator
) -> Ints:
    exposure, prices = decisions.exposure[:, columns], close[:, columns]
    counting: Bools = np.asarray(decisions.counts[:, columns].any(axis=1))
    taken = np.zeros(counting.size, dtype=np.bool_)

    flips, moves = _changes(exposure)
    _sample(taken, counting & flips, budget // 2, rng)
    _sample(taken, counting & moves, budget // 2 - int(taken.sum()), rng)

    paid = np.sum([payoff_of_not_changing(exposure[:, c], prices[:, c]) for c in range(len(columns))], axis=0)
    put_off = np.concatenate([moves[1:], [False]])
    _take_best(taken, counting & put_off, paid, budget // 8)
    _take_best(taken, counting, paid, budget // 4 - budget // 8)

    first_of_block = _one_in_every_block(counting & ~taken, blocks, rng)
    _sample(taken, first_of_block, budget - int(taken.sum()), rng)
    _sample(taken, counting, budget - int(taken.sum()), rng)
    return np.flatnonzero(taken)


def _changes(exposure: Floats) -> tuple[Bools, Bools]:
    """Return the bars where any column's sign changes, and where any column's exposure changes."""
    flips, moves = np.zeros(exposure.shape[0], dtype=np.bool_), np.zeros(exposure.shape[0], dtype=np.bool_)
    flips[1:] = (np.sign(exposure[1:]) != np.sign(exposure[:-1])).any(axis=1)
    moves[1:] = (exposure[1:] != exposure[:-1]).any(axis=1)
    return flips, moves


def _sample(taken: Bools, wanted: Bools, budget: int, rng: np.random.Generator) -> None:
    rows = np.flatnonzero(wanted & ~taken)
    if budget > 0 and rows.size:
        taken[rows if rows.size <= budget else rng.choice(rows, size=budget, replace=False)] = True


def _take_best(taken: Bools, wanted: Bools, score: Floats, budget: int) -> None:
    rows = np.flatnonzero(wanted & ~taken & (score > 0.0))
    best = rows[np.argsort(-score[rows], kind="stable")[:budget]]
    taken[best] = True


def _one_in_every_block(free: Bools, blocks: Ints, rng: np.random.Generator) -> Bools:
    rows = np.flatnonzero(free)
    shuffled = rng.permutation(rows)
    _, first = np.unique(blocks[shuffled], return_index=True)
    chosen = np.zeros(free.size, dtype=np.bool_)
    chosen[shuffled[first]] = True
    return chosen
