"""Measure how a strategy holds up: everything the robustness check judges or shows, in one pass over two workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import CostModel
from autarch.errors import DataError, StrategyError
from autarch.evaluation import decide_blocks
from autarch.evaluation.frames import frames_of
from autarch.evaluation.sets import BlockPlan, decide_sets, plan_of
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Floats, Market
from autarch.market.worlds import drift_removed, inverted
from autarch.metrics import buy_and_hold, sharpe
from autarch.metrics.folds import fold_returns, walk_forward
from autarch.metrics.regimes import regimes
from autarch.sandbox.worker import Worker
from ci.checks import book, heart, placebo
from ci.checks.book import Change
from ci.checks.busy import answered, require_its_own
from ci.checks.ground import Curve, Ground
from ci.checks.jitter import Moved, moved_sets
from ci.checks.placebo import Told, rng_of
from ci.checks.standing import Beside, Key, beside, comparable, key_of, played, stood
from ci.context import Evaluated
from ci.neighbours import Neighbours

Job = Callable[[Worker], Any]
HALVES = 2
NUMBERS_WAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came of it all; curves are on train.

    Attributes:
        own: The candidate as proposed.
        costs: With the policy's multiple of all costs.
        doubled: With twice all costs.
        delayed: Acted on one bar later.
        moved: Each neighbouring parameter set with its curve, None where the strategy refused it.
        noisy: Decided on bars that are off by a hair, played on those that were.
        renumbered: With the numbers of its code, and apart from that of its parameters, off by a hundredth: of
            each the better of two ways, of both the worse; None where it fails with them.
        folds: Return of each fold, parameters chosen anew before it.
        rechosen: Which set each fold was played with; 0 the declared, else 1 + the place in `moved`.
        incumbent_slug: Who stands in the candidate's place on main; None: nobody, so cash does.
        incumbent: Its curve, None for cash, or where it does not run on these bars.
        besides: Strategies on main that decide on a symbol of the candidate's.
        straight: By kind of world: prices inverted, drift removed, other symbols, in their own order of time.
        worlds: The candidate's own newest rows first, then the placebo worlds on as many.
        world_rows: Rows of each world; 0 where there are too few for any.
        changes: Of the book; empty where no sleeve stands on main.
        by_regime: Sharpe ratio on the days of each regime.
    """

    own: Curve
    costs: Curve
    doubled: Curve
    delayed: Curve
    moved: tuple[tuple[Moved, Curve | None], ...]
    noisy: Curve | None
    renumbered: Curve | None
    folds: Floats
    rechosen: tuple[int, ...]
    incumbent_slug: str | None
    incumbent: Curve | None
    besides: tuple[Beside, ...]
    straight: Mapping[str, Curve | None]
    worlds: tuple[Told, ...]
    world_rows: int
    changes: tuple[Change, ...]
    by_regime: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure: the candidate, its decisions, where other bars come from and who else is on main."""

    evaluated: Evaluated
    decisions: Decisions
    lock: DatasetLock
    stores: Stores
    neighbours: Neighbours

    def play(self, source: StrategySource, market: Market) -> Ground:
        """Return `market` ready for the decisions of `source`."""
        costs, capital = CostModel.from_lock(self.lock), self.evaluated.policy.backtest.capital
        return Ground(source.manifest, market, costs=costs, capital=capital)

    def shown(self, *words: object) -> np.random.Generator:
        """Return the generator for what is shown and never judged: another base commit, another draw."""
        return rng_of(self.evaluated.seed, *words)

    def judged(self, *words: object) -> np.random.Generator:
        """Return the generator for what a limit rests on: a waiver must find the same number on another base."""
        return rng_of(self.decisions.digest().encode(), *words)

    def incumbent(self) -> StrategySource | None:
        """Return what stands in the candidate's place on main."""
        candidate = self.evaluated.candidate
        if candidate.incumbent is not None:
            return candidate.incumbent.source
        manifest = self.evaluated.source.manifest
        parent = (manifest.origin.parent or "").partition("@")[0]
        return self.neighbours.named(manifest.name) or self.neighbours.named(parent)


def measure(task: Task) -> Findings:
    """Ask and play all that the robustness check needs, on both workers at once.

    What is drawn has a seed of its own for each purpose, so that nothing depends on the order in which jobs end.

    Raises:
        DataError: train cannot be played.
        SandboxError: a child could not be confined, or was killed from outside.
    """
    evaluated, limits = task.evaluated, task.evaluated.policy.robustness
    source, market = evaluated.source, evaluated.market
    ground = task.play(source, market)
    own = ground.curve(task.decisions)
    moved = moved_sets(source.manifest, sets_max=limits.jitter_sets, rng=task.judged("jitter"))
    other = placebo.others(source, lock=task.lock, stores=task.stores, rng=task.shown("others"))
    markets = _markets(task)
    mains = _mains(task, markets)
    near = [one for one in comparable(source.manifest, task.neighbours.strategies) if key_of(one.manifest) in markets]
    rows, worlds = _placebo_jobs(task, ground, other)
    plan = plan_of(frames_of(source.manifest, market))
    evaluated.afford(_windows(plan, moved=len(moved), rows=rows))
    jobs: dict[str, Sequence[Job]] = {
        "moved": _moved_jobs(ground, source, plan, moved),
        "worlds": worlds,
        "straight": _straight_jobs(task, other),
        "heart": _heart_jobs(task, ground),
        "mains": [partial(stood, source=one, market=markets[key_of(one.manifest)], play=task.play) for one in mains],
        "near": [_near_job(task, one, markets) for one in near],
    }
    found = _answered(jobs, evaluated)
    curves = dict(zip((one.manifest.name for one in mains), found["mains"], strict=True))
    incumbent = task.incumbent()
    tried = [curve for half in found["moved"] for curve in half]
    folds, rechosen = _folds(own, tried, folds=limits.folds)
    return Findings(
        own=own,
        costs=ground.curve(task.decisions, costs_factor=limits.costs_factor),
        doubled=ground.curve(task.decisions, costs_factor=2.0),
        delayed=ground.curve(task.decisions, delay=1),
        moved=tuple(zip(moved, tried, strict=True)),
        noisy=found["heart"][0],
        renumbered=_worse(*found["heart"][1:]),
        folds=folds,
        rechosen=rechosen,
        incumbent_slug=None if incumbent is None else incumbent.manifest.name,
        incumbent=own
        if _is_same(incumbent, source)
        else curves.get("" if incumbent is None else incumbent.manifest.name),
        besides=tuple(found["near"]),
        straight=dict(zip(("inverted", "drift_removed", "other_symbols"), [*found["straight"], None], strict=False)),
        worlds=tuple(told for part in found["worlds"] for told in part),
        world_rows=rows,
        changes=_book(task, own, curves),
        by_regime=_by_regime(task, own),
    )


def _answered(jobs: Mapping[str, Sequence[Job]], evaluated: Evaluated) -> dict[str, list[Any]]:
    flat = answered([job for group in jobs.values() for job in group], evaluated.main, evaluated.other)
    found, first = {}, 0
    for name, group in jobs.items():
        found[name] = flat[first : first + len(group)]
        first += len(group)
    return found


def _is_same(one: StrategySource | None, other: StrategySource) -> bool:
    return one is not None and one.digest == other.digest


def _mains(task: Task, markets: Mapping[Key, Market]) -> list[StrategySource]:
    """Return the strategies of main to be played: the incumbent and the sleeves, each once."""
    named = [task.incumbent(), *(task.neighbours.named(slug) for slug, _ in task.neighbours.sleeves)]
    unique = {one.manifest.name: one for one in named if one is not None and key_of(one.manifest) in markets}
    return [one for one in unique.values() if not _is_same(one, task.evaluated.source)]


def _markets(task: Task) -> dict[Key, Market]:
    """Return train for every strategy of main that is asked, where the data set has bars for it."""
    own, market = task.evaluated.source.manifest, task.evaluated.market
    asked = [*comparable(own, task.neighbours.strategies), task.incumbent()]
    asked += [task.neighbours.named(slug) for slug, _ in task.neighbours.sleeves]
    found: dict[Key, Market] = {}
    for one in asked:
        key = None if one is None else key_of(one.manifest)
        if key is None or key in found:
            continue
        if key[1] == own.interval and set(key[0]) <= set(market.symbols):
            found[key] = market
            continue
        with suppress(DataError):  # a strategy for other bars: it neither trades here nor is like anything here
            found[key] = load_market(task.lock, split="train", symbols=key[0], interval=key[1], stores=task.stores)
    return found


def _windows(plan: BlockPlan, *, moved: int, rows: int) -> int:
    """Return about how many windows the candidate will be asked about."""
    once = sum(len(targets) for _, targets in plan.asked)
    passes = moved + 2 + 1 + 2 * NUMBERS_WAYS  # worlds in their own order, noise, numbers of code and parameters
    return once * passes + placebo.RANKED * once * rows // max(plan.shape[0], 1)


def _moved_jobs(ground: Ground, source: StrategySource, plan: BlockPlan, moved: Sequence[Moved]) -> list[Job]:
    def run(worker: Worker, part: Sequence[Moved]) -> list[Curve | None]:
        decided = decide_sets(worker, source, plan, [one.params for one in part])
        return [curve_of(ground, one) for one in decided]

    half = -(-len(moved) // HALVES)
    return [partial(run, part=moved[first : first + half]) for first in range(0, len(moved), max(half, 1))]


def curve_of(ground: Ground, decided: Decisions | StrategyError) -> Curve | None:
    """Return what decisions come to, None for a set that the strategy refused.

    Raises:
        StrategyRunError: it failed for want of time or memory: no number may rest on it.
    """
    if isinstance(decided, StrategyError):
        require_its_own(decided)
        return None
    return ground.curve(decided)


def _straight_jobs(task: Task, other: tuple[StrategySource, Market] | None) -> list[Job]:
    source, market = task.evaluated.source, task.evaluated.market

    def run(worker: Worker, source: StrategySource, make: Callable[[], Market]) -> Curve | None:
        return played(worker, source, make(), play=task.play)

    jobs: list[Job] = [partial(run, source=source, make=partial(make, market)) for make in (inverted, drift_removed)]
    if other is not None:
        jobs.append(partial(run, source=other[0], make=lambda: other[1]))
    return jobs


def _heart_jobs(task: Task, ground: Ground) -> list[Job]:
    source, market = task.evaluated.source, task.evaluated.market

    def run(worker: Worker, source: StrategySource, make: Callable[[], Market]) -> Curve | None:
        try:
            return ground.curve(decide_blocks(worker, source, make()))
        except StrategyError as error:
            require_its_own(error)
            return None

    def renumbered(worker: Worker, move: Callable[..., StrategySource | None]) -> Curve | None:
        moved = [move(source, task.judged(move.__name__, way)) for way in range(NUMBERS_WAYS)]
        if moved[0] is None:
            return ground.curve(task.decisions)
        curves = [run(worker, one, lambda: market) for one in moved if one is not None]
        return max((curve for curve in curves if curve is not None), key=lambda curve: curve.sharpe, default=None)

    return [
        partial(run, source=source, make=partial(heart.off_by_a_hair, market, task.judged("noise"))),
        partial(renumbered, move=heart.code_moved),
        partial(renumbered, move=heart.params_moved),
    ]


def _worse(one: Curve | None, other: Curve | None) -> Curve | None:
    if one is None or other is None:
        return None
    return min(one, other, key=lambda curve: curve.sharpe)


def _near_job(task: Task, other: StrategySource, markets: Mapping[Key, Market]) -> Job:
    slug, market = other.manifest.name, markets[key_of(other.manifest)]
    return lambda worker: beside(worker, other, market, task.decisions, rng=task.judged("twin", slug))


def _placebo_jobs(task: Task, ground: Ground, other: tuple[StrategySource, Market] | None) -> tuple[int, list[Job]]:
    source, market = task.evaluated.source, task.evaluated.market
    rows = placebo.rows_within(
        market,
        bars=task.evaluated.policy.robustness.placebo_bars,
        warmup=source.manifest.warmup,
        block=source.manifest.block,
    )
    if rows == 0:
        return 0, []
    blocks = placebo.block_bars(ground.holding_bars(task.decisions), interval_ms=market.interval_ms)
    settings = placebo.settings_of(source, market, other)
    seed = task.evaluated.seed
    return rows, list(placebo.jobs_of(settings, rows=rows, shuffle_bars=blocks, seed=seed, play=task.play))


def _folds(own: Curve, tried: Sequence[Curve | None], *, folds: int) -> tuple[Floats, tuple[int, ...]]:
    """Return the walk-forward of the declared set and those of its neighbours that neither failed nor lost all."""
    alive = [(index + 1, curve) for index, curve in enumerate(tried) if curve is not None and not curve.is_ruined]
    daily = np.stack([own.daily, *(curve.daily[: own.daily.size] for _, curve in alive)])
    played_daily, chosen = walk_forward(daily, folds=folds)
    places = (0, *(place for place, _ in alive))
    return fold_returns(played_daily, folds=folds), tuple(places[index] for index in chosen.tolist())


def _book(task: Task, own: Curve, curves: Mapping[str, Curve | None]) -> tuple[Change, ...]:
    manifest, sleeves = task.evaluated.source.manifest, dict(task.neighbours.sleeves)
    if not sleeves:
        return ()
    days = own.calendar.size
    before = {slug: _on(curve, days) for slug, curve in curves.items() if curve is not None}
    if _is_same(task.neighbours.named(manifest.name), task.evaluated.source):
        before[manifest.name] = own.calendar
    after = {**before, manifest.name: own.calendar}
    shares = book.shares_with(sleeves, slug=manifest.name, retires=manifest.origin.retires)
    return book.changes(
        book.returns_of(sleeves, before, days=days),
        book.returns_of(shares, after, days=days),
        resamples=task.evaluated.policy.robustness.book_resamples,
        rng=task.shown("book"),
    )


def _on(curve: Curve, days: int) -> Floats:
    """Return a curve's calendar as `days` days; a longer bar may leave the last day of the split without one."""
    padded = np.zeros(days)
    found = curve.calendar[:days]
    padded[: found.size] = found
    return padded


def _by_regime(task: Task, own: Curve) -> dict[str, float]:
    market, first = task.evaluated.market, own.first_row
    held = buy_and_hold(market, task.evaluated.source.manifest.symbols)[first:]
    days = regimes(held, market.ts[first:], interval_ms=market.interval_ms)
    count = own.daily.size  # ends at ruin
    return {name: sharpe(own.daily[chosen[:count]]) or 0.0 for name, chosen in days.items()}
