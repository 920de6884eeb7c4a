"""Where a made-up proposer works: markets on disk, a confined worker, and what each parameter set comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import Backtest
from autarch.errors import StrategyError
from autarch.evaluation.frames import frames_of
from autarch.evaluation.sets import decide_sets, plan_of
from autarch.manifest import StrategySource
from autarch.market.load import load_market
from autarch.metrics import round_trips
from autarch.metrics.concentration import return_without_best
from autarch.metrics.crash import crash
from autarch.sandbox.worker import Worker
from ci.calibration.templates import INTERVAL, Template, Value
from ci.calibration.worlds import World, WorldKind, make_world, seed_of
from ci.checks.ground import Curve, Ground

CAPITAL: Final = 100_000.0
Values = Mapping[str, Value]


class Unplanted(Exception):  # noqa: N818  no error: this market does not hold what was to be planted, another may
    """No parameter set on this market has the flaw, or the merit, that was wanted."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """One parameter set and what it came to."""

    values: Values
    symbols: tuple[str, ...]
    decisions: Decisions
    ground: Ground
    curve: Curve
    assumed: float

    @cached_property
    def doubled(self) -> Curve:
        """With twice all costs."""
        return self.ground.curve(self.decisions, costs_factor=2.0)

    @cached_property
    def result(self) -> Backtest:
        """With every fill."""
        return self.ground.result(self.decisions)

    @property
    def crash_loss(self) -> float:
        """What the worst hour would have taken, a fraction of equity."""
        ground = self.ground
        return crash(self.result, self.decisions, ground.market, costs=ground.costs, assumed=self.assumed).loss

    @property
    def total_without_best(self) -> float:
        """Return of the whole without the best trade."""
        trips = round_trips(self.result.fills, self.result.funding)
        return return_without_best(trips["profit"], total=self.curve.total, capital=CAPITAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where markets are written, and a worker to ask.

    Attributes:
        seed: Of everything.
        folder: Where bars are written.
        worker: Asked for decisions.
        assumed: The hour that the limits expect even of a calm market, a fraction of price.
    """

    seed: int
    folder: Path
    worker: Worker
    assumed: float

    def world(self, kind: WorldKind, *, case: int, attempt: int, traded: int) -> World:
        """Return the market of one case alone; another attempt is another market."""
        seed = seed_of(self.seed, "market", str(case), str(attempt))
        return make_world(kind, seed=seed, traded=traded, folder=self.folder / f"{case}-{attempt}")

    def tries(
        self, template: Template, sets: Sequence[Values], *, world: World, symbols: Sequence[str], leverage: float = 1.0
    ) -> list[Try]:
        """Return what each set comes to, in order; those that the strategy refuses are left out."""
        source = template.source(slug="tried", symbols=symbols, params={}, leverage=leverage)
        return self.tries_of(source, sets, world=world)

    def tries_of(self, source: StrategySource, sets: Sequence[Values], *, world: World) -> list[Try]:
        """Return what each set of a written strategy comes to."""
        manifest = source.manifest
        market = load_market(
            world.lock, split="train", symbols=manifest.symbols, interval=INTERVAL, stores=world.stores
        )
        ground = Ground(manifest, market, costs=world.costs, capital=CAPITAL)
        plan = plan_of(frames_of(manifest, market))
        answers = decide_sets(self.worker, source, plan, list(sets))
        return [
            Try(
                values=values,
                symbols=manifest.symbols,
                decisions=answer,
                ground=ground,
                curve=ground.curve(answer),
                assumed=self.assumed,
            )
            for values, answer in zip(sets, answers, strict=True)
            if not isinstance(answer, StrategyError)
        ]


def drawn(template: Template, rng: np.random.Generator, count: int, **fixed: Value) -> list[dict[str, Value]]:
    """Return `count` parameter sets drawn evenly from the template's ranges, `fixed` ones as given."""
    return [
        {name: fixed[name] if name in fixed else _drawn(span, rng) for name, span in template.params.items()}
        for _ in range(count)
    ]


def nearest(tries: Sequence[Try], sharpe: float, *, spread: float = 0.6) -> Try:
    """Return the try whose Sharpe ratio is nearest to `sharpe`.

    Raises:
        Unplanted: none is within `spread` of it.
    """
    best = min(tries, key=lambda one: abs(one.curve.sharpe - sharpe), default=None)
    if best is None or abs(best.curve.sharpe - sharpe) > spread:
        raise Unplanted
    return best


def _drawn(span: tuple[Value, Value, Value], rng: np.random.Generator) -> Value:
    usual, low, high = span
    if isinstance(usual, int):
        return int(rng.integers(int(low), int(high) + 1))
    return round(float(rng.uniform(low, high)), 5)
