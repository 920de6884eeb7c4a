"""causality: what is decided at a bar does not change when the bars after it are absent or nonsense."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError, UndecidedError
from autarch.evaluation import Frames, frames_of
from autarch.market.types import Floats
from autarch.sandbox.session import Session
from autarch.verdict import Measure
from ci.checks.asking import retold, when
from ci.checks.cuts import Cut, CutPlan, plan_cuts
from ci.checks.payoffs import Path
from ci.checks.peeks import Peek, describe_first, find_peeks
from ci.checks.poison import Poisoned, ask_poisoned
from ci.context import Answer, Evaluated
from ci.workers import asking_threads

FRESH_SYMBOLS_MAX = 3
"""Symbols that one fresh child is asked about, in an order drawn by chance."""


def check(evaluated: Evaluated, decisions: Decisions) -> Answer:
    """Pass when prefix form equals block form at every cut, in fresh children too, and no poison is felt.

    Exposure and both distances are compared to the last bit.

    Raises:
        StrategyError: `decide` fails on a shorter window, or on poisoned bars that are numbers, or is too slow for
            so many of them.
    """
    limits = evaluated.policy.causality
    asking = _Asking(
        evaluated=evaluated, decisions=decisions, frames=frames_of(evaluated.source.manifest, evaluated.market)
    )
    plan = asking.plan(limits.cuts)
    cuts = plan.in_order()
    evaluated.afford(len(cuts) + limits.fresh_cuts + limits.poisoned_blocks)
    halves = cuts[: len(cuts) // 2], cuts[len(cuts) // 2 :]  # of the time, one for each core
    with asking_threads(2, evaluated.main, evaluated.other) as pool:
        prefix = [pool.submit(asking.at_cuts, half) for half in halves if half]
        fresh = pool.submit(asking.in_fresh_children, cuts, limits.fresh_cuts)
        poison = pool.submit(ask_poisoned, evaluated, decisions, asking.frames, n_blocks=limits.poisoned_blocks)
        at_cuts = [peek for future in prefix for peek in future.result()]
        again = fresh.result()
        poisoned = _felt(poison, has_peeked=bool(at_cuts or again))
    return _answer(evaluated, plan, at_cuts, again, poisoned)


def _felt(poison: Future[Poisoned], *, has_peeked: bool) -> Poisoned | None:
    """Return what poison did; None where it broke a strategy that looks ahead, which is then the fault to tell."""
    try:
        return poison.result()
    except StrategyError:
        if not has_peeked:
            raise
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    evaluated: Evaluated
    decisions: Decisions
    frames: Frames

    def plan(self, budget: int) -> CutPlan:
        series = [self.evaluated.market.of(symbol) for symbol in self.decisions.symbols]
        paths = tuple(Path(high=each.high, low=each.low, close=each.close) for each in series)
        blocks = (self.frames.first_bar + np.arange(self.frames.n_bars)) // self.evaluated.source.manifest.block
        return plan_cuts(self.decisions, paths, blocks=blocks, budget=budget, seed=self.evaluated.seed)

    def at_cuts(self, cuts: Sequence[Cut]) -> list[Peek]:
        """Ask one child in ascending order, of all symbols: it never holds a later bar than it is asked about."""
        with self.evaluated.main.session(self.evaluated.source) as session:
            session.expect(len(cuts))
            return self._compare(session, cuts, how="when the window ends there")

    def in_fresh_children(self, cuts: Sequence[Cut], budget: int) -> list[Peek]:
        """Ask some of the cuts again, each in a child that has answered nothing before, other symbols first or after.

        So neither an earlier question nor the order of symbols can be what an answer hangs on.
        """
        rng = np.random.default_rng([*self.evaluated.seed, budget])
        chosen = sorted(rng.permutation(len(cuts))[:budget].tolist())
        peeks: list[Peek] = []
        for index in chosen:
            together = rng.permutation(self._beside(cuts[index], rng)).tolist()
            asked = [Cut(row=cuts[index].row, columns=tuple(columns)) for columns in together]
            with self.evaluated.other.session(self.evaluated.source) as session:
                peeks += self._compare(session, asked, how="in a process that was asked nothing before that bar")
        return peeks

    def _beside(self, cut: Cut, rng: np.random.Generator) -> list[tuple[int, ...]]:
        """Return the columns of `cut` and of some other symbols that are decided on at its bar."""
        if self.decisions.mode == "panel":
            return [cut.columns]
        others = [(c,) for c in np.flatnonzero(self.decisions.counts[cut.row]).tolist() if (c,) != cut.columns]
        picked = rng.permutation(len(others))[: FRESH_SYMBOLS_MAX - 1].tolist()
        return [cut.columns, *(others[place] for place in picked)]

    def _compare(self, session: Session, cuts: Sequence[Cut], *, how: str) -> list[Peek]:
        rows: dict[tuple[int, ...], list[int]] = {}
        for cut in cuts:
            rows.setdefault(cut.columns, []).append(cut.row)
        again = {columns: np.full((3, len(rows[columns]), len(columns)), np.nan) for columns in rows}
        answered = dict.fromkeys(rows, 0)
        for cut in cuts:
            self._ask(session, cut, into=again[cut.columns][:, answered[cut.columns]])
            answered[cut.columns] += 1
        found = (find_peeks(self.decisions, c, np.array(rows[c]), again[c], how=how) for c in rows)
        return [peek for peeks in found for peek in peeks]

    def _ask(self, session: Session, cut: Cut, *, into: Floats) -> None:
        """Write exposure, stop-loss and take-profit (3, len(cut.columns)) of the bar that ends its window."""
        target = None if self.decisions.mode == "panel" else self.decisions.symbols[cut.columns[0]]
        block = self.frames.anchoring(target).prefix(cut.row)
        if block is None:
            raise UndecidedError(f"row {cut.row} counts in block form and not in prefix form; report this")
        try:
            for _, _, group in session.ask(self.frames.question((target,), block), keep=1):
                for place, given in enumerate((group.exposure, group.stop_loss, group.take_profit)):
                    if given is not None:
                        into[place] = given.reshape(-1)
        except StrategyError as error:
            asked = f"{target or 'the panel'} at {when(self.evaluated.market, cut.row)}"
            raise retold(error, asked=f"asked about {asked} with no later bar") from error


def _answer(
    evaluated: Evaluated, plan: CutPlan, at_cuts: list[Peek], fresh: list[Peek], poisoned: Poisoned | None
) -> Answer:
    measures = (
        Measure(name="cuts", value=float(plan.n_cuts), op=">=", limit=1.0, unit="bars asked again"),
        Measure(name="cuts_differing", value=float(len(at_cuts)), op="<=", limit=0.0),
        Measure(name="fresh_cuts_differing", value=float(len(fresh)), op="<=", limit=0.0),
        *(() if poisoned is None else _of_poison(poisoned)),
    )
    peeks = [*at_cuts, *fresh, *(() if poisoned is None else poisoned.peeks)]
    if poisoned is None or peeks:
        detail = describe_first(peeks, evaluated.market, evaluated.source.manifest.symbols)
        return Answer(verdict="failed", detail=detail, measures=measures)
    if not all(measure.holds for measure in measures):
        detail = "too few bars count to ask any again; lower warmup or choose a longer data set"
        return Answer(verdict="failed", detail=detail, measures=measures)
    detail = f"{plan.n_cuts} decisions stand without their future, {poisoned.blocks} blocks with a poisoned one"
    return Answer(verdict="passed", detail=detail, measures=measures)


def _of_poison(poisoned: Poisoned) -> tuple[Measure, ...]:
    return (
        Measure(name="poisoned_blocks", value=float(poisoned.blocks), op=">=", limit=1.0, unit="blocks"),
        Measure(name="poisoned_bars_differing", value=float(len(poisoned.peeks)), op="<=", limit=0.0),
        Measure(name="poisoned_raised_on_nan", value=float(poisoned.raised_on_nan), unit="blocks"),
    )
