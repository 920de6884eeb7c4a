"""The search a proposal could have come from: parameter sets drawn from its [search], decided and played on train."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from autarch.engine import CostModel
from autarch.evaluation.frames import frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.evidence.returns import DailyReturns, quantised
from autarch.manifest import Manifest, ParamValue, SearchRange
from autarch.market.lock_types import DatasetLock
from autarch.market.types import Floats
from autarch.metrics import buy_and_hold
from autarch.metrics.daily import DAY_MS, daily_returns
from autarch.sandbox.worker import Worker
from ci.checks.busy import answered
from ci.checks.findings import curve_of
from ci.checks.ground import Curve, Ground
from ci.checks.placebo import rng_of
from ci.context import Evaluated, Judged

HALVES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A candidate and the search around it, on train.

    Attributes:
        own: The candidate's daily returns.
        drawn: Those of the parameter sets drawn; what a strategy refuses is left out.
        held: (n,) daily returns of buy-and-hold on the candidate's days.
        seed: Of bootstraps: from the decisions.
    """

    own: DailyReturns
    drawn: tuple[DailyReturns, ...]
    held: Floats
    seed: int


def search(evaluated: Evaluated, judged: Judged, *, lock: DatasetLock) -> Searched:
    """Decide and play the drawn sets, on both workers.

    Raises:
        UndecidedError, DataError: as playing raises; SandboxError: a child could not be confined.
    """
    source, market, digest = evaluated.source, evaluated.market, judged.decisions.digest()
    costs, capital = CostModel.from_lock(lock), evaluated.policy.backtest.capital
    ground = Ground(source.manifest, market, costs=costs, capital=capital)
    own = ground.curve(judged.decisions)
    rng = rng_of(digest.encode(), "search")
    sets = drawn_sets(source.manifest, count=evaluated.policy.evidence.search_sets, rng=rng)
    plan = plan_of(frames_of(source.manifest, market))
    evaluated.afford(len(sets) * sum(len(targets) for _, targets in plan.asked))

    def run(worker: Worker, part: list[Mapping[str, ParamValue]]) -> list[Curve | None]:
        return [curve_of(ground, found) for found in decide_sets(worker, source, plan, part)]

    half = max(1, -(-len(sets) // HALVES))
    jobs = [partial(run, part=sets[first : first + half]) for first in range(0, len(sets), half)]
    curves = [curve for part in answered(jobs, evaluated.main, evaluated.other) for curve in part]
    first = own.first_row
    held = daily_returns(
        buy_and_hold(market, source.manifest.symbols)[first:], market.ts[first:], interval_ms=market.interval_ms
    )
    return Searched(
        own=kept(own),
        drawn=tuple(kept(curve) for curve in curves if curve is not None and curve.daily.size),
        held=_sized(held, own.daily.size),
        seed=int.from_bytes(bytes.fromhex(digest)[:8], "big"),
    )


def kept(curve: Curve) -> DailyReturns:
    """Return a curve's daily returns as the ledger keeps them."""
    day = int((curve.ts[curve.first_row] + curve.interval_ms - 1) // DAY_MS)
    return quantised(curve.daily, first_day=day)


def drawn_sets(manifest: Manifest, *, count: int, rng: np.random.Generator) -> list[Mapping[str, ParamValue]]:
    """Return up to `count` different parameter sets, each searched one drawn evenly from its range.

    On its grid where it has one, evenly in logarithms where the manifest says so. Without [search] there are none.
    """
    if not manifest.search:
        return []
    found: dict[tuple[ParamValue, ...], Mapping[str, ParamValue]] = {}
    names = sorted(manifest.search)
    own = tuple(manifest.params[name] for name in names)
    for _ in range(count):
        values = tuple(_drawn(manifest.search[name], manifest.params[name], rng) for name in names)
        if values != own:
            found[values] = dict(zip(names, values, strict=True))
    return list(found.values())


def _drawn(span: SearchRange, value: ParamValue, rng: np.random.Generator) -> ParamValue:
    low, high = float(span.low), float(span.high)
    drawn = math.exp(rng.uniform(math.log(low), math.log(high))) if span.log else rng.uniform(low, high)
    if span.step is not None:
        steps = math.floor((high - low) / float(span.step) + 1e-9)
        drawn = low + float(span.step) * int(rng.integers(0, steps + 1))
    if isinstance(value, int) and not isinstance(value, bool):
        return int(min(max(round(drawn), math.ceil(low)), math.floor(high)))
    return float(format(min(max(drawn, low), high), ".12g"))


def _sized(values: Floats, size: int) -> Floats:
    """Return `values` as `size` days: a candidate that is ruined has fewer, and is not compared after."""
    found = np.zeros(size)
    found[: min(size, values.size)] = values[:size]
    return found
