"""What stands on main beside a candidate: its incumbent, its twins, the sleeves of the portfolio."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.decisions import Decisions
from autarch.errors import StrategyError
from autarch.evaluation import decide_blocks
from autarch.evaluation.frames import frames_of
from autarch.evaluation.sets import BlockPlan, decide_sets, plan_of
from autarch.manifest import Manifest, StrategySource
from autarch.market.types import Market
from autarch.metrics import alike
from autarch.metrics.versus import alike_when_held, same_direction
from autarch.sandbox.worker import Worker
from ci.checks.busy import require_its_own
from ci.checks.ground import Curve, Play

SAMPLED_BLOCKS: Final = 6
"""Blocks on which two strategies are compared before all are."""

SAMPLED_MIN: Final = 0.9
"""Less alike, and less of one direction, than this on the sample, two are not asked about the rest."""

HELD_ALIKE_MIN: Final = 0.5
"""Share of the bars on which either holds something that twins agree on: being flat together is no likeness."""

Key = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Two strategies compared: share of decisions alike, also of those alone on which either holds something.

    `direction` is the cosine of their exposures.
    """

    slug: str
    alike: float
    held_alike: float
    direction: float

    @property
    def likeness(self) -> float:
        """Share of decisions alike; where they agree on less than half of what either holds, that share instead."""
        return self.alike if self.held_alike >= HELD_ALIKE_MIN else min(self.alike, self.held_alike)


def key_of(manifest: Manifest) -> Key:
    """Return what names the bars a strategy needs."""
    return (*manifest.symbols, *manifest.context), manifest.interval


def comparable(candidate: Manifest, others: Sequence[StrategySource]) -> list[StrategySource]:
    """Return those that decide on a symbol of the candidate's at its interval, itself and what it retires left out."""
    left_out = {candidate.name, candidate.origin.retires}
    return [
        one
        for one in others
        if one.manifest.name not in left_out
        and one.manifest.interval == candidate.interval
        and set(one.manifest.symbols) & set(candidate.symbols)
    ]


def beside(
    worker: Worker, other: StrategySource, market: Market, decisions: Decisions, *, rng: np.random.Generator
) -> Beside:
    """Return how alike `other` decides: on a few blocks, and where that leaves it open, on all.

    A strategy that fails on these bars is like nothing.
    """
    plan = plan_of(frames_of(other.manifest, market))
    found = _compared(worker, other, sampled(plan, rng), decisions)
    if max(found.alike, found.direction) < SAMPLED_MIN:
        return found
    return _compared(worker, other, plan, decisions)


def sampled(plan: BlockPlan, rng: np.random.Generator) -> BlockPlan:
    """Return a plan for a few of the blocks, spread by chance, or for all where they are no more."""
    if len(plan.asked) <= SAMPLED_BLOCKS:
        return plan
    chosen = sorted(rng.choice(len(plan.asked), size=SAMPLED_BLOCKS, replace=False).tolist())
    asked = tuple(plan.asked[index] for index in chosen)
    rows = np.zeros(plan.shape[0], dtype=np.bool_)
    for block, _ in asked:
        rows[block.first : block.end] = True
    return dataclasses.replace(
        plan,
        asked=asked,
        counts=plan.counts & rows[:, None],
        partly=np.union1d(plan.partly, np.flatnonzero(~rows)),
        first_row=asked[0][0].first,
    )


def played(worker: Worker, source: StrategySource, market: Market, *, play: Play) -> Curve | None:
    """Return what a strategy earns on a market, None where it fails or decides nothing there."""
    decisions = _decided(worker, source, market)
    return None if decisions is None else play(source, market).curve(decisions)


def stood(worker: Worker, source: StrategySource, market: Market, *, play: Play) -> Curve | None:
    """Return as `played`, with every fill: a report sets the trades of what stands on main beside the candidate's."""
    decisions = _decided(worker, source, market)
    if decisions is None:
        return None
    ground = play(source, market)
    return dataclasses.replace(ground.curve(decisions), result=ground.result(decisions))


def _decided(worker: Worker, source: StrategySource, market: Market) -> Decisions | None:
    try:
        decisions = decide_blocks(worker, source, market)
    except StrategyError as error:
        require_its_own(error)
        return None
    return decisions if decisions.counts.any() else None


def is_dominated(candidate: Curve, incumbent: Curve | None) -> bool:
    """Return whether the incumbent (None: cash) is as good in return, drawdown and shortfall, and better in one."""
    theirs = (0.0, 0.0, 0.0) if incumbent is None else _merits(incumbent)
    ours = _merits(candidate)
    return all(b >= a for a, b in zip(ours, theirs, strict=True)) and ours != theirs


def _merits(curve: Curve) -> tuple[float, float, float]:
    return curve.total, -curve.drawdown, -curve.shortfall


def _compared(worker: Worker, other: StrategySource, plan: BlockPlan, decisions: Decisions) -> Beside:
    (answer,) = decide_sets(worker, other, plan, [{}])
    slug = other.manifest.name
    if isinstance(answer, StrategyError):
        require_its_own(answer)
        return Beside(slug=slug, alike=0.0, held_alike=0.0, direction=0.0)
    return Beside(
        slug=slug,
        alike=alike(decisions, answer) or 0.0,
        held_alike=alike_when_held(decisions, answer) or 0.0,
        direction=same_direction(decisions, answer) or 0.0,
    )
