"""The sound twins of the flaws: the same rule in the same words, that follows an edge which is there, in fair size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from autarch.market.types import Floats
from ci.calibration import templates
from ci.calibration.bench import Try, nearest
from ci.calibration.flaws import LEVELS_KNOWN
from ci.calibration.proposals import Draw, Kind, Proposal, levels_text
from ci.calibration.templates import Template, Value
from ci.calibration.worlds import WorldKind

SETS: Final = 12
FAIR: Final = 0.6
"""What doubled costs leave of a fair Sharpe ratio, at least."""
SPREAD: Final = 0.9
CALM: Final = 0.3
"""A drawdown well within the limits."""
STRUCK: Final = 0.28
"""What a crash may take of who holds more than the equity, and leave them within the limits."""


def plain(template: Template, kind: WorldKind, **fixed: Value) -> Kind:
    """Return the kind that follows an edge that is there, with parameters nobody searched for long.

    Args:
        template: A rule that suits the edge.
        kind: The market that holds it.
        fixed: Parameters that are not drawn.
    """

    def make(draw: Draw) -> Proposal:
        world = draw.world(kind)
        sets = draw.sets(template, SETS, **fixed)
        tries = fair(draw.tries(template, sets, world=world, symbols=draw.symbols(world)))
        return draw.proposal(template, nearest(tries, draw.target(), spread=SPREAD), world)

    return make


def one_sided(draw: Draw) -> Proposal:
    """Hold one side when the price is stretched the other way, where that pays."""
    side = 1 if draw.rng.random() < 0.5 else -1
    return plain(templates.LEAN, "brisk", side=side, hot=1.0, cool=-1.0)(draw)


def beside_another(draw: Draw) -> Proposal:
    """Follow an edge that nobody on main follows."""
    world, template = draw.world("trend"), templates.TREND
    symbols = draw.symbols(world)
    tries = fair(draw.tries(template, draw.sets(template, SETS, size=0.8), world=world, symbols=symbols))
    chosen = nearest(tries, draw.target(), spread=SPREAD)
    main = tuple((draw.standing(world, symbol), 0.5) for symbol in (symbols[0], symbols[-1]))
    return draw.proposal(template, chosen, world, main=main)


def geared(draw: Draw) -> Proposal:
    """Hold more than the equity, and no more than a crash would leave."""
    world, template = draw.world("funding"), templates.GEARED
    tries = fair(
        one
        for symbols in draw.choices(world)
        for one in draw.tries(template, draw.sets(template, SETS, size=1.65), world=world, symbols=symbols)
    )
    safe = [one for one in tries if one.crash_loss < STRUCK]
    return draw.proposal(template, nearest(safe, draw.target(), spread=SPREAD), world)


def by_rule(draw: Draw) -> Proposal:
    """Follow a trend, and lean a little on prices that nobody chose."""
    world, template = draw.world("trend"), templates.LEVELS
    (symbol,) = draw.symbols(world)
    close = next(series.close for series in world.market.series if series.symbol == symbol)
    constants = levels_text(_levels_of(close))
    source = template.source(
        slug="tried", symbols=(symbol,), params={}, leverage=draw.look.leverage, constants=constants
    )
    tries = fair(
        draw.bench.tries_of(source, draw.sets(template, SETS, near=0.001, follow=0.75, lean=0.05), world=world)
    )
    return draw.proposal(template, nearest(tries, draw.target(), spread=SPREAD), world, constants=constants)


def better(draw: Draw) -> Proposal:
    """Change a strategy on main so that it earns more for its risk."""
    world, template = draw.world("trend"), templates.TREND
    tries = draw.tries(template, draw.sets(template, 14, size=0.8), world=world, symbols=draw.symbols(world))
    known = {id(one): before for one in fair(tries) if (before := _weaker(tries, one)) is not None}
    chosen = nearest([one for one in tries if id(one) in known], draw.target(), spread=SPREAD)
    return draw.proposal(template, chosen, world, before=known[id(chosen)])


def fair(tries: Iterable[Try]) -> list[Try]:
    """Return those that do not live on low costs, nor through a deep loss."""
    calm = [one for one in tries if one.curve.drawdown < CALM]
    return [one for one in calm if one.doubled.sharpe > FAIR * one.curve.sharpe]


def _weaker(tries: Sequence[Try], chosen: Try) -> Try | None:
    """Return the best of those that earn clearly less for their risk, but something."""
    below = [one for one in tries if 0.0 < one.curve.sharpe < chosen.curve.sharpe - 0.2]
    return max(below, key=lambda one: one.curve.sharpe, default=None)


def _levels_of(close: Floats) -> list[float]:
    """Return prices spread evenly over those that were seen: chosen by nobody."""
    return [float(level) for level in np.quantile(close, np.linspace(0.04, 0.96, LEVELS_KNOWN))]
