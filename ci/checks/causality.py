"""causality: what is decided at a bar does not change when the bars after it are absent or nonsense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import UndecidedError
from autarch.evaluation import Frames, frames_of
from autarch.market.types import Ints
from autarch.sandbox.session import Session
from autarch.verdict import Measure
from ci.checks.asking import stacked
from ci.checks.cuts import CutPlan, plan_cuts
from ci.checks.peeks import Peek, describe_first, find_peeks
from ci.checks.poison import Poisoned, ask_poisoned
from ci.context import Answer, Evaluated
from ci.workers import asking_threads


def check(evaluated: Evaluated, decisions: Decisions) -> Answer:
    """Pass when prefix form equals block form at every cut, in fresh children too, and no poison is felt.

    Exposure and both distances are compared to the last bit.

    Raises:
        StrategyError: `decide` fails on a shorter window, or on poisoned bars that are numbers.
    """
    limits = evaluated.policy.causality
    asking = _Asking(
        evaluated=evaluated, decisions=decisions, frames=frames_of(evaluated.source.manifest, evaluated.market)
    )
    plan = asking.plan(limits.cuts)
    with asking_threads(2, evaluated.main, evaluated.other) as pool:
        prefix = [
            pool.submit(asking.at_cuts, group, half)  # halves, so that a panel has work for two cores
            for group, rows in zip(plan.columns, plan.rows, strict=True)
            for half in np.array_split(rows, 2)
        ]
        fresh = pool.submit(asking.in_fresh_children, plan, limits.fresh_cuts)
        poison = pool.submit(ask_poisoned, evaluated, decisions, asking.frames, n_blocks=limits.poisoned_blocks)
        at_cuts = [peek for future in prefix for peek in future.result()]
        return _answer(evaluated, plan, at_cuts, fresh.result(), poison.result())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    evaluated: Evaluated
    decisions: Decisions
    frames: Frames

    def plan(self, budget: int) -> CutPlan:
        close = np.stack([self.evaluated.market.of(s).close for s in self.decisions.symbols], axis=1)
        blocks = (self.frames.first_bar + np.arange(self.frames.n_bars)) // self.evaluated.source.manifest.block
        return plan_cuts(self.decisions, close, blocks=blocks, budget=budget, seed=self.evaluated.seed)

    def at_cuts(self, group: tuple[int, ...], rows: Ints) -> list[Peek]:
        """Ask one child in ascending order: it never holds a later bar than the one it is asked about."""
        with self.evaluated.main.session(self.evaluated.source) as session:
            return self._compare(session, group, rows, how="when the window ends there")

    def in_fresh_children(self, plan: CutPlan, budget: int) -> list[Peek]:
        """Ask some of the cuts again, each in a child that has answered nothing before."""
        rng = np.random.default_rng([*self.evaluated.seed, budget])
        pairs = [(group, row) for group, rows in zip(plan.columns, plan.rows, strict=True) for row in rows]
        chosen = rng.permutation(len(pairs))[:budget]
        peeks: list[Peek] = []
        for index in sorted(chosen.tolist()):
            group, row = pairs[index]
            with self.evaluated.other.session(self.evaluated.source) as session:
                peeks += self._compare(
                    session, group, np.array([row]), how="in a process that was asked nothing before"
                )
        return peeks

    def _compare(self, session: Session, group: tuple[int, ...], rows: Ints, *, how: str) -> list[Peek]:
        target = None if self.decisions.mode == "panel" else self.decisions.symbols[group[0]]
        anchoring = self.frames.anchoring(target)
        answers = []
        for row in map(int, rows):
            block = anchoring.prefix(row)
            if block is None:
                raise UndecidedError(f"row {row} counts in block form and not in prefix form; report this")
            answers.append(stacked(session.decide(self.frames.window(target, block), keep=1)))
        if not answers:
            return []
        return find_peeks(self.decisions, group, rows, np.concatenate(answers, axis=1), how=how)


def _answer(evaluated: Evaluated, plan: CutPlan, at_cuts: list[Peek], fresh: list[Peek], poisoned: Poisoned) -> Answer:
    measures = (
        Measure(name="cuts", value=float(plan.n_cuts), op=">=", limit=1.0, unit="bars asked again"),
        Measure(name="cuts_differing", value=float(len(at_cuts)), op="<=", limit=0.0),
        Measure(name="fresh_cuts_differing", value=float(len(fresh)), op="<=", limit=0.0),
        Measure(name="poisoned_blocks", value=float(poisoned.blocks), op=">=", limit=1.0, unit="blocks"),
        Measure(name="poisoned_bars_differing", value=float(len(poisoned.peeks)), op="<=", limit=0.0),
        Measure(name="poisoned_raised_on_nan", value=float(poisoned.raised_on_nan), unit="blocks"),
    )
    peeks = [*at_cuts, *fresh, *poisoned.peeks]
    if peeks:
        detail = describe_first(peeks, evaluated.market, evaluated.source.manifest.symbols)
        return Answer(verdict="failed", detail=detail, measures=measures)
    if not all(measure.holds for measure in measures):
        detail = "too few bars count to ask any again; lower warmup or choose a longer data set"
        return Answer(verdict="failed", detail=detail, measures=measures)
    detail = f"{plan.n_cuts} decisions stand without their future, {poisoned.blocks} blocks with a poisoned one"
    return Answer(verdict="passed", detail=detail, measures=measures)
