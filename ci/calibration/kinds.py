"""The kinds of practice pull request: ten that are sound, and ten flaws, each planted by construction and measured.

What makes one flawed is how it was made: chosen by hindsight, from bars without an edge, too large, a copy. No word
and no number a reader sees is written here; gate and report make them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.manifest import StrategySource
from autarch.market.types import Floats
from ci.calibration import templates
from ci.calibration.bench import Bench, Try, Unplanted, drawn, nearest
from ci.calibration.templates import Template, Value
from ci.calibration.worlds import World, WorldKind
from ci.candidate import Incumbent

MAJORS: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
AHEAD: Final = 12
"""Hours by which hindsight chose its levels."""
LEVELS_KNOWN: Final = 12
CALM: Final = 0.33
"""A drawdown that the limits still allow."""
BETS: Final = 30
SHARPE: Final = (1.3, 2.0)
"""What proposals show, sound or not: the bare figure is to tell nothing."""

FLAWS: Final = {
    "overfit": "the best of very many tries on bars without an edge",
    "costs": "an edge thinner than what trading it may cost",
    "one_trade": "one lucky ride carries it",
    "copy": "decides like a strategy that is on main already",
    "drift": "holds one side, chosen after the market had gone there",
    "ruin": "a crash in its side would take what it never lost yet",
    "capacity": "its fills are too large for the market",
    "book": "the portfolio is worse with it",
    "by_heart": "knows days by heart",
    "worse": "worse than what it replaces",
}
"""Flaw -> its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A made-up pull request, before anybody judges it.

    Attributes:
        source: What it proposes.
        world: The market it is about.
        trials: How many sets were tried for it, as a ledger would have counted them.
        main: Strategies on main, with the share of capital each trades.
        incumbent: What stands in its place.
    """

    source: StrategySource
    world: World
    trials: int
    main: tuple[tuple[StrategySource, float], ...] = ()
    incumbent: Incumbent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Where a proposal comes from: the markets and which of them, and the dice."""

    bench: Bench
    rng: np.random.Generator
    attempt: int

    def world(self, kind: WorldKind) -> World:
        """Return this attempt's market of a kind."""
        return self.bench.world(kind, self.attempt)

    def target(self) -> float:
        """Return the Sharpe ratio to look for."""
        return float(self.rng.uniform(*SHARPE))


Kind = Callable[[Draw], Proposal]


def sound(template: Template, kind: WorldKind, *, replaces: bool = False) -> Kind:
    """Return the kind that follows an edge that is there, with parameters nobody searched for long.

    Args:
        template: A rule that suits the edge.
        kind: The market that holds it.
        replaces: Whether a worse set of the same rule stands in its place.
    """

    def make(draw: Draw) -> Proposal:
        world = draw.world(kind)
        tries = draw.bench.tries(template, drawn(template, draw.rng, 12), world=world, symbols=MAJORS)
        fair = [one for one in tries if one.doubled.sharpe > 0.6 * one.curve.sharpe]
        if replaces:
            fair = [one for one in fair if _weaker(tries, one) is not None]
        chosen = nearest(fair, draw.target(), spread=0.9)
        before = _weaker(tries, chosen) if replaces else None
        return _proposal(draw, template, chosen, world, trials=int(draw.rng.integers(1, 4)), before=before)

    return make


def overfit(draw: Draw) -> Proposal:
    """Try very many sets on every market without an edge, and propose the best."""
    world = draw.world("noise")
    tries = [
        one
        for symbol in world.market.symbols
        for template in (templates.TREND, templates.REVERSION)
        for one in draw.bench.tries(template, drawn(template, draw.rng, 12), world=world, symbols=(symbol,))
    ]
    best = max(tries, key=lambda one: one.curve.sharpe)
    if best.curve.sharpe < SHARPE[0] - 0.2:
        raise Unplanted
    template = templates.REVERSION if "stretch" in best.values else templates.TREND
    return _proposal(draw, template, best, world, trials=len(tries))


def costs(draw: Draw) -> Proposal:
    """Trade a small edge as often as its costs just allow."""
    world, template = draw.world("brisk"), templates.REVERSION
    sets = [
        {"lookback": lookback, "stretch": stretch, "leave": 0.0, "size": 0.8}
        for lookback in (16, 24, 36, 48)
        for stretch in (0.6, 1.0, 1.4)
    ]
    tries = draw.bench.tries(template, sets, world=world, symbols=MAJORS)
    thin = [one for one in tries if one.doubled.sharpe < 0.25 * one.curve.sharpe]
    return _proposal(draw, template, nearest(thin, draw.target()), world, trials=2)


def one_trade(draw: Draw) -> Proposal:
    """Wait for the one move that hindsight knows."""
    world, template = draw.world("noise"), templates.RIDE
    tries = [
        one
        for symbol in world.market.symbols
        for one in draw.bench.tries(template, drawn(template, draw.rng, 10), world=world, symbols=(symbol,))
    ]
    lucky = [one for one in tries if one.curve.total > 0.2 and one.total_without_best < 0.1 * one.curve.total]
    return _proposal(draw, template, nearest(lucky, draw.target(), spread=0.9), world, trials=3)


def copy(draw: Draw) -> Proposal:
    """Propose what is on main, in other words and by other numbers."""
    world, template = draw.world("trend"), templates.TREND
    tries = draw.bench.tries(template, drawn(template, draw.rng, 8, size=0.8), world=world, symbols=MAJORS)
    original = nearest(tries, draw.target())
    values = {**original.values, "slow": int(original.values["slow"]) + 1}
    (twin,) = draw.bench.tries(template, [values], world=world, symbols=MAJORS)
    standing = _written(template, original, slug="steady_trend")
    return _proposal(draw, template, twin, world, trials=2, main=((standing, 0.5), (_other(world), 0.5)))


def drift(draw: Draw) -> Proposal:
    """Hold the markets that went furthest one way, on that side."""
    world, template = draw.world("noise"), templates.LEAN
    found = []
    for side in (1, -1):
        sets = drawn(template, draw.rng, 1, side=side, size=0.8)

        def held(symbols: tuple[str, ...], sets: list[dict[str, Value]] = sets) -> Try:
            return draw.bench.tries(template, sets, world=world, symbols=symbols)[0]

        alone = sorted((held((one,)) for one in world.market.symbols), key=lambda one: -one.curve.sharpe)
        best = [name for one in alone for name in one.symbols]
        found += [alone[0], *(held(tuple(best[:count])) for count in (2, 3))]
    traded = [one for one in found if one.result.fills.size > 2 * BETS and one.curve.sharpe > 1.0]
    return _proposal(draw, template, nearest(traded, draw.target(), spread=1.0), world, trials=3)


def ruin(draw: Draw) -> Proposal:
    """Hold several times the equity for the few hours that pay best, in a market that never crashed."""
    world, template = draw.world("funding"), templates.SPIKE
    sets: list[dict[str, Value]] = [
        {"lookback": 24, "rich": rich, "stay": stay, "size": 2.6}
        for rich in (0.0002, 0.0003, 0.0004, 0.0006)
        for stay in (6, 12)
    ]
    tries = [
        one
        for symbol in MAJORS
        for one in draw.bench.tries(template, sets, world=world, symbols=(symbol,), leverage=2.8)
    ]
    calm = [one for one in tries if one.curve.drawdown < CALM and one.result.fills.size > 2 * BETS]
    return _proposal(draw, template, nearest(calm, draw.target(), spread=1.0), world, trials=2, leverage=2.8)


def capacity(draw: Draw) -> Proposal:
    """Follow a real edge in a market too small for the capital."""
    world, template = draw.world("thin"), templates.TREND
    tries = draw.bench.tries(template, drawn(template, draw.rng, 8), world=world, symbols=MAJORS)
    return _proposal(draw, template, nearest(tries, draw.target()), world, trials=2)


def book(draw: Draw) -> Proposal:
    """Add a poorer way to follow what main follows well, in its place of the capital."""
    world = draw.world("trend")
    cores = draw.bench.tries(
        templates.TREND, drawn(templates.TREND, draw.rng, 8, size=0.8), world=world, symbols=MAJORS
    )
    core = max(cores, key=lambda one: one.curve.sharpe)
    tries = draw.bench.tries(
        templates.BREAKOUT, drawn(templates.BREAKOUT, draw.rng, 12, size=1.0), world=world, symbols=MAJORS
    )
    poorer = [one for one in tries if one.curve.sharpe < core.curve.sharpe - 0.8 and _together(core, one) > 0.6]
    chosen = nearest(poorer, draw.target(), spread=0.9)
    standing = _written(templates.TREND, core, slug="steady_trend")
    return _proposal(draw, templates.BREAKOUT, chosen, world, trials=2, main=((standing, 1.0),))


def by_heart(draw: Draw) -> Proposal:
    """Write down the prices after which the market happened to rise, and call them levels."""
    world, template = draw.world("noise"), templates.LEVELS
    tries = []
    for series in world.market.series:
        constants = f"\nLEVELS = ({', '.join(f'{level:.4g}' for level in _best_levels(series.close))})\n"
        source = template.source(slug="tried", symbols=(series.symbol,), params={}, constants=constants)
        sets: list[dict[str, Value]] = [{"near": 0.001, "stay": stay, "size": 0.8} for stay in (8, AHEAD)]
        tries += [(one, constants) for one in draw.bench.tries_of(source, sets, world=world)]
    chosen = nearest([one for one, _ in tries], draw.target(), spread=0.9)
    constants = next(text for one, text in tries if one is chosen)
    return _proposal(draw, template, chosen, world, trials=2, constants=constants)


def _best_levels(close: Floats) -> list[float]:
    """Return the prices, a fifth of a per cent wide each, after which the most was gained."""
    place = np.round(np.log(close[templates.WARMUP : -AHEAD]) / 0.002).astype(int)
    gained = close[templates.WARMUP + AHEAD :] / close[templates.WARMUP : -AHEAD] - 1.0
    sums = np.bincount(place - place.min(), weights=gained)
    best = np.argsort(sums)[::-1][:LEVELS_KNOWN]
    return [float(np.exp(0.002 * (number + place.min()))) for number in np.sort(best)]


def worse(draw: Draw) -> Proposal:
    """Change a strategy on main so that it earns less at more risk."""
    world, template = draw.world("trend"), templates.TREND
    tries = draw.bench.tries(template, drawn(template, draw.rng, 14, size=0.8), world=world, symbols=MAJORS)
    best = max(tries, key=lambda one: one.curve.sharpe)
    below = [
        one
        for one in tries
        if one.curve.sharpe < best.curve.sharpe - 0.3
        and one.curve.total < best.curve.total
        and one.curve.drawdown > best.curve.drawdown
    ]
    return _proposal(draw, template, nearest(below, draw.target()), world, trials=2, before=best)


SOUND: Final[tuple[Kind, ...]] = (
    sound(templates.TREND, "trend"),
    sound(templates.TREND, "trend", replaces=True),
    sound(templates.BREAKOUT, "trend"),
    sound(templates.BREAKOUT, "trend", replaces=True),
    sound(templates.CARRY, "funding"),
    sound(templates.CARRY, "funding"),
    sound(templates.CARRY, "funding", replaces=True),
    sound(templates.REVERSION, "reversion"),
    sound(templates.REVERSION, "reversion"),
    sound(templates.REVERSION, "reversion", replaces=True),
)
FLAWED: Final[dict[str, Kind]] = {
    "overfit": overfit,
    "costs": costs,
    "one_trade": one_trade,
    "copy": copy,
    "drift": drift,
    "ruin": ruin,
    "capacity": capacity,
    "book": book,
    "by_heart": by_heart,
    "worse": worse,
}


def _proposal(  # noqa: PLR0913  what a proposal may carry
    draw: Draw,
    template: Template,
    chosen: Try,
    world: World,
    *,
    trials: int,
    main: tuple[tuple[StrategySource, float], ...] = (),
    before: Try | None = None,
    leverage: float = 1.0,
    constants: str = "",
) -> Proposal:
    """Return the pull request; without anything else on main, a strategy that follows something else trades there."""
    slug = f"practice_{int(draw.rng.integers(100, 1000))}"
    source = _written(template, chosen, slug=slug, leverage=leverage, constants=constants)
    incumbent = None
    if before is not None:
        standing = _written(template, before, slug=slug)
        incumbent = Incumbent(slug=slug, tree="0" * 40, source=standing)
        main = ((standing, 0.3), (_other(world), 0.7))
    return Proposal(
        source=source, world=world, trials=trials, main=main or ((_other(world), 1.0),), incumbent=incumbent
    )


def _written(
    template: Template, chosen: Try, *, slug: str, leverage: float = 1.0, constants: str = ""
) -> StrategySource:
    return template.source(
        slug=slug, symbols=chosen.symbols, params=chosen.values, leverage=leverage, constants=constants
    )


def _other(world: World) -> StrategySource:
    """Return a strategy that follows what this market does not hold, small: somebody always trades already."""
    template = templates.CARRY if world.kind != "funding" else templates.REVERSION
    values: dict[str, Value] = {"size": 0.3}
    return template.source(slug="small_other", symbols=world.market.symbols[1:2], params=values)


def _weaker(tries: Sequence[Try], chosen: Try) -> Try | None:
    """Return the best of those that earn clearly less for their risk, but something."""
    below = [one for one in tries if 0.0 < one.curve.sharpe < chosen.curve.sharpe - 0.2]
    return max(below, key=lambda one: one.curve.sharpe, default=None)


def _together(one: Try, other: Try) -> float:
    """Return the correlation of the daily returns of two tries on the same days."""
    size = min(one.curve.daily.size, other.curve.daily.size)
    return float(np.corrcoef(one.curve.daily[-size:], other.curve.daily[-size:])[0, 1])
