"""Ten flaws, each planted by construction and measured: chosen by hindsight, without an edge, too large, a copy."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.market.types import Floats
from ci.calibration import templates
from ci.calibration.bench import Try, Values, nearest
from ci.calibration.proposals import Draw, Proposal, levels_text, names_of
from ci.calibration.templates import Value

AHEAD: Final = 12
"""Hours by which hindsight chose its levels."""
LEVELS_KNOWN: Final = 12
CALM: Final = 0.33
"""A drawdown that the limits still allow."""
CRASH: Final = 0.33
"""What a crash would take from those it ruins: clearly above the limit."""
BETS: Final = 30
GONE: Final = 0.9
"""The Sharpe ratio of having held, where a market went far enough to be chosen for it."""
SEARCHED: Final = 24
"""Sets tried on each choice of symbols by whoever searches."""


def overfit(draw: Draw) -> Proposal:
    """Try very many sets on many markets without an edge, and propose one of those that shine."""
    world, template = draw.world("noise"), templates.REVERSION
    tries = [
        one
        for symbols in draw.choices(world)
        for one in draw.tries(template, draw.sets(template, SEARCHED), world=world, symbols=symbols)
    ]
    return draw.proposal(template, nearest(tries, draw.target(), spread=0.3), world, trials=len(tries))


def costs(draw: Draw) -> Proposal:
    """Trade a small edge as often as its costs just allow."""
    world, template = draw.world("brisk"), templates.REVERSION
    sets: list[Values] = [
        {"lookback": lookback, "stretch": stretch, "leave": 0.0, "size": 0.8}
        for lookback in (16, 24, 36, 48)
        for stretch in (0.6, 1.0, 1.4)
    ]
    tries = draw.tries(template, sets, world=world, symbols=draw.symbols(world))
    thin = [one for one in tries if one.doubled.sharpe < 0.25 * one.curve.sharpe]
    return draw.proposal(template, nearest(thin, draw.target()), world)


def one_trade(draw: Draw) -> Proposal:
    """Wait for the one move that hindsight knows."""
    world, template = draw.world("noise"), templates.RIDE
    tries = [
        one
        for symbols in draw.choices(world)
        for one in draw.tries(template, draw.sets(template, 40, swing=0.05), world=world, symbols=symbols)
    ]
    lucky = [one for one in tries if one.curve.total > 0.2 and one.total_without_best < 0.1 * one.curve.total]
    return draw.proposal(template, nearest(lucky, draw.target(), spread=0.7), world)


def copy(draw: Draw) -> Proposal:
    """Propose what is on main, in other words and by other numbers."""
    world, template = draw.world("trend"), templates.TREND
    symbols = draw.symbols(world)
    original = nearest(
        draw.tries(template, draw.sets(template, 8, size=0.8), world=world, symbols=symbols), draw.target()
    )
    values = {**original.values, "slow": int(original.values["slow"]) + 1}
    (twin,) = draw.tries(template, [values], world=world, symbols=symbols)
    held = draw.written(template, original, slug=names_of(draw.rng)[0])
    return draw.proposal(template, twin, world, main=((held, 0.5), (draw.standing(world, symbols[0]), 0.5)))


def drift(draw: Draw) -> Proposal:
    """Hold the markets that went furthest one way, on that side."""
    world, template = draw.world("noise"), templates.LEAN
    found = [
        one
        for side in (1, -1)
        for symbols in draw.choices(world)
        for one in draw.tries(
            template, draw.sets(template, 1, side=side, size=0.8, hot=2.2, cool=0.0), world=world, symbols=symbols
        )
    ]
    traded = [one for one in found if one.result.fills.size > 2 * BETS and one.curve.sharpe > GONE]
    return draw.proposal(template, nearest(traded, draw.target(), spread=1.1), world)


def ruin(draw: Draw) -> Proposal:
    """Hold twice the equity for the few hours that pay best, in a market that never crashed."""
    world, template = draw.world("funding"), templates.GEARED
    sets: list[dict[str, Value]] = [
        {"lookback": 24, "rich": rich, "stay": stay, "size": 2.35}
        for rich in (0.0002, 0.0003, 0.0004, 0.0006)
        for stay in (6, 12)
    ]
    tries = [one for symbols in draw.choices(world) for one in draw.tries(template, sets, world=world, symbols=symbols)]
    calm = [one for one in tries if one.curve.drawdown < CALM and one.result.fills.size > 2 * BETS]
    return draw.proposal(
        template, nearest([one for one in calm if one.crash_loss > CRASH], draw.target(), spread=1.0), world
    )


def capacity(draw: Draw) -> Proposal:
    """Follow a real edge in a market too small for the capital."""
    world, template = draw.world("thin"), templates.TREND
    tries = draw.tries(template, draw.sets(template, 8), world=world, symbols=draw.symbols(world))
    return draw.proposal(template, nearest(tries, draw.target()), world)


def book(draw: Draw) -> Proposal:
    """Add a poorer way to follow what main follows well, in its place of the capital."""
    world = draw.world("trend")
    symbols = draw.symbols(world)
    cores = draw.tries(templates.TREND, draw.sets(templates.TREND, 8, size=0.8), world=world, symbols=symbols)
    core = max(cores, key=lambda one: one.curve.sharpe)
    tries = draw.tries(templates.BREAKOUT, draw.sets(templates.BREAKOUT, 12, size=1.0), world=world, symbols=symbols)
    poorer = [one for one in tries if one.curve.sharpe < core.curve.sharpe - 0.8 and _together(core, one) > 0.6]
    chosen = nearest(poorer, draw.target(), spread=0.9)
    held = draw.written(templates.TREND, core, slug=names_of(draw.rng)[0])
    return draw.proposal(templates.BREAKOUT, chosen, world, main=((held, 1.0),))


def by_heart(draw: Draw) -> Proposal:
    """Write down the prices after which the market happened to rise, and call them levels."""
    world, template = draw.world("noise"), templates.LEVELS
    tries = []
    for series in world.market.series:
        constants = levels_text(_best_levels(series.close))
        source = template.source(
            slug="tried",
            symbols=(series.symbol,),
            params={},
            leverage=draw.look.leverage,
            constants=constants,
        )
        sets: list[dict[str, Value]] = [
            {"fast": 60, "near": 0.001, "stay": stay, "follow": 0.05, "lean": 0.8} for stay in (8, AHEAD)
        ]
        tries += [(one, constants) for one in draw.bench.tries_of(source, sets, world=world)]
    chosen = nearest([one for one, _ in tries], draw.target(), spread=0.9)
    constants = next(text for one, text in tries if one is chosen)
    return draw.proposal(template, chosen, world, constants=constants)


def worse(draw: Draw) -> Proposal:
    """Change a strategy on main so that it earns less at more risk."""
    world, template = draw.world("trend"), templates.TREND
    tries = draw.tries(template, draw.sets(template, 14, size=0.8), world=world, symbols=draw.symbols(world))
    best = max(tries, key=lambda one: one.curve.sharpe)
    below = [
        one
        for one in tries
        if one.curve.sharpe < best.curve.sharpe - 0.3
        and one.curve.total < best.curve.total
        and one.curve.drawdown > best.curve.drawdown
    ]
    return draw.proposal(template, nearest(below, draw.target(), spread=0.9), world, before=best)


def _best_levels(close: Floats) -> list[float]:
    """Return the prices, a fifth of a per cent wide each, after which the most was gained."""
    place = np.round(np.log(close[templates.WARMUP : -AHEAD]) / 0.002).astype(int)
    gained = close[templates.WARMUP + AHEAD :] / close[templates.WARMUP : -AHEAD] - 1.0
    sums = np.bincount(place - place.min(), weights=gained)
    best = np.argsort(sums)[::-1][:LEVELS_KNOWN]
    return [float(np.exp(0.002 * (number + place.min()))) for number in np.sort(best)]


def _together(one: Try, other: Try) -> float:
    """Return the correlation of the daily returns of two tries on the same days."""
    size = min(one.curve.daily.size, other.curve.daily.size)
    return float(np.corrcoef(one.curve.daily[-size:], other.curve.daily[-size:])[0, 1])
