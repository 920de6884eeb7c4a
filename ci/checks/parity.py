"""parity: what was backtested is what would be traded, decision by decision and order by order.

Two halves. The strategy is asked again the way a live executor asks it, bar by bar in a child a block, at changes
of its decision and at bars drawn by chance; a difference is the strategy's failure. And the executor trades the
decisions of train's tail on the paper venue, in a process that never sees the strategy; a difference from the
backtest is a bug of ours, so that the answer is undecided, whoever's profit it would have been.
"""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.evaluation import decide_live, frames_of
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Ints
from autarch.referee.process import RehearsalProcess
from autarch.referee.rehearsal import Rehearsal
from autarch.referee.windows import cut
from autarch.verdict import Measure
from ci.checks.asking import NAMES, groups_of
from ci.checks.parting import parting
from ci.checks.peeks import Peek, describe_first, find_peeks
from ci.context import Answer, Evaluated
from ci.policy_tables import ParityPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsing:
    """A rehearsal that has begun: who plays it, its first row, and what is played."""

    process: RehearsalProcess
    question: Future[Any]
    first_row: int
    asked: Rehearsal

    def drop(self) -> None:
        """End a rehearsal that nobody will ask for; one that has been answered is left alone."""
        if not self.question.done():
            self.process.drop()


def begin(evaluated: Evaluated, decisions: Decisions, *, lock: DatasetLock) -> Rehearsing:
    """Let the live path begin on the tail of train, under the data set's margin mode.

    Raises:
        UndecidedError: its process cannot be started.
    """
    policy = evaluated.policy
    rows = tail(decisions, bars=policy.parity.bars)
    market, wanted = cut(evaluated.market, decisions, rows)
    asked = Rehearsal(
        market=market,
        decisions=wanted,
        manifest=evaluated.source.manifest,
        costs=CostModel.from_lock(lock),
        capital=policy.backtest.capital,
    )
    process = evaluated.rehearsal
    return Rehearsing(process=process, question=process.ask((asked,)), first_row=rows.start, asked=asked)


def tail(decisions: Decisions, *, bars: int) -> range:
    """Return the newest rows that hold `bars` bars of a symbol.

    Where no decision changes in them, those around the newest change: where nothing is ordered, nothing is proved.
    """
    n, m = decisions.exposure.shape
    length = min(n, max(1, bars // m))
    changes = np.flatnonzero((np.diff(decisions.exposure, axis=0) != 0.0).any(axis=1)) + 1
    newest = int(changes[-1]) if changes.size else n
    start = min(n - length, max(0, newest - length // 4))
    return range(start, start + length)


def check(evaluated: Evaluated, decisions: Decisions, rehearsing: Rehearsing) -> Answer:
    """Pass when the strategy answers bar by bar what it answered in blocks, and the live path trades as backtested.

    Raises:
        StrategyError: `decide` fails when it is asked bar by bar, or is too slow.
        UndecidedError: the live path could not play.
    """
    rows = asked_rows(decisions, evaluated.policy.parity, seed=evaluated.seed)
    peeks = _stepwise(evaluated, decisions, rows)
    calls = rows.size * len(groups_of(decisions))
    if peeks:
        detail = describe_first(peeks, evaluated.market, decisions.symbols)
        return Answer(verdict="failed", detail=detail, measures=_asked(calls, peeks))
    if calls == 0:
        detail = "too few bars count to ask any again; lower warmup or choose a longer data set"
        return Answer(verdict="failed", detail=detail, measures=_asked(calls, peeks))
    return _answer(evaluated, rehearsing, calls)


def asked_rows(decisions: Decisions, policy: ParityPolicy, *, seed: bytes) -> Ints:
    """Return the rows to ask about, ascending: some where a decision changes, some drawn among all that count.

    One row is asked for every symbol, so that the policy's numbers are divided by the calls a row takes.
    """
    rng = np.random.default_rng([*seed, policy.random_bars])
    calls = len(groups_of(decisions))
    counting = decisions.counts.any(axis=1)
    moved = np.zeros_like(counting)
    moved[1:] = (np.diff(decisions.exposure, axis=0) != 0.0).any(axis=1)
    chosen = [
        rng.permutation(np.flatnonzero(rows))[: max(1, budget // calls)]
        for rows, budget in ((counting & moved, policy.changes), (counting, policy.random_bars))
    ]
    return np.unique(np.concatenate(chosen))


def _stepwise(evaluated: Evaluated, decisions: Decisions, rows: Ints) -> list[Peek]:
    """Ask the way a live brain does: in ascending order, one child a block, windows that end with the bar."""
    frames = frames_of(evaluated.source.manifest, evaluated.market)
    calls = len(groups_of(decisions))
    evaluated.afford(rows.size * calls)
    again = np.full((len(NAMES), rows.size, len(decisions.symbols)), np.nan)
    blocks = (frames.first_bar + rows) // evaluated.source.manifest.block
    for _, places in itertools.groupby(range(rows.size), key=lambda place: int(blocks[place])):
        with evaluated.main.session(evaluated.source) as session:
            for place in places:
                found = decide_live(session, frames, row=int(rows[place]))
                for index, name in enumerate(NAMES):
                    again[index, place] = getattr(found, name)[0]
    every = tuple(range(len(decisions.symbols)))
    return find_peeks(decisions, every, rows, again, how="when it is asked bar by bar as on a live market")


def _asked(calls: int, peeks: list[Peek]) -> tuple[Measure, ...]:
    return (
        Measure(name="parity_decisions", value=float(calls), op=">=", limit=1.0, unit="asked bar by bar"),
        Measure(name="parity_decisions_differing", value=float(len(peeks)), op="<=", limit=0.0),
    )


def _answer(evaluated: Evaluated, rehearsing: Rehearsing, calls: int) -> Answer:
    (live,) = rehearsing.process.answer(rehearsing.question)
    one = rehearsing.asked
    result = backtest(one.market, one.decisions, costs=one.costs, capital=one.capital)
    found = parting(one.market, one.decisions, result, live)
    bars = one.decisions.exposure.size
    measures = (
        *_asked(calls, []),
        Measure(name="parity_bars", value=float(bars), unit="bars of a symbol, traded by the live path"),
        Measure(name="parity_fills", value=float(len(result.fills)), unit="fills in them"),
        Measure(name="parity_funding", value=float(len(result.funding)), unit="fundings in them"),
        # No number of the live path's own: its code is not the engine that a claim names.
        Measure(name="parity_parted", value=0.0 if found is None else 1.0, op="<=", limit=0.0, unit="(1: they part)"),
    )
    if found is not None:
        detail = (
            "the executor does not trade what was backtested. "
            f"{found.text(evaluated.market, first_row=rehearsing.first_row)}. This is a bug of the runtime, not the "
            "strategy's: report it; until it is fixed nothing of it may trade"
        )
        return Answer(verdict="undecided", detail=detail, measures=measures)
    detail = (
        f"{calls} decisions stand when asked bar by bar; executor and paper venue trade the last {bars} "
        f"bars as backtested: {len(result.fills)} fills, {len(result.funding)} fundings"
    )
    return Answer(verdict="passed", detail=detail, measures=measures)
