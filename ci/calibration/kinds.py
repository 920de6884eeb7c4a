"""Ten pairs of practice pull requests: a flaw, and what looks the same from outside and is sound.

What makes one flawed is how it was made: chosen by hindsight, from bars without an edge, too large, a copy. No word
and no number a reader sees is written here; gate and report make them. Both of a pair are the same rule in the same
words, trade as many symbols and are allowed as much leverage, so that only what they did tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ci.calibration import flaws, templates, twins
from ci.calibration.proposals import Kind

FLAWS: Final = {
    "overfit": "picked from very many tries on bars without an edge",
    "costs": "an edge thinner than what trading it may cost",
    "one_trade": "one lucky ride carries it",
    "copy": "decides like a strategy that is on main already",
    "drift": "holds one side, chosen after the market had gone there",
    "ruin": "a crash in its side would take what it never lost yet",
    "capacity": "its fills are too large for the market",
    "book": "the portfolio is worse with it",
    "by_heart": "knows prices by heart",
    "worse": "worse than what it replaces",
}
"""Flaw -> its words."""

ANY: Final = (1, 2, 3)
ONE: Final = (1,)
USUAL: Final = (1.0, 1.25, 1.5)
HIGH: Final = (2.4,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A flaw and its sound twin, with the looks that suit both: numbers of symbols, and leverage allowed."""

    flawed: Kind
    sound: Kind
    symbols: tuple[int, ...] = ANY
    leverage: tuple[float, ...] = USUAL


PAIRS: Final[Mapping[str, Pair]] = {
    "overfit": Pair(flawed=flaws.overfit, sound=twins.plain(templates.REVERSION, "reversion")),
    "costs": Pair(flawed=flaws.costs, sound=twins.plain(templates.REVERSION, "reversion")),
    "one_trade": Pair(
        flawed=flaws.one_trade, sound=twins.plain(templates.RIDE, "trend", swing=0.45, jump=0.6), symbols=ONE
    ),
    "copy": Pair(flawed=flaws.copy, sound=twins.beside_another),
    "drift": Pair(flawed=flaws.drift, sound=twins.one_sided, symbols=ONE),
    "ruin": Pair(flawed=flaws.ruin, sound=twins.geared, symbols=ONE, leverage=HIGH),
    "capacity": Pair(flawed=flaws.capacity, sound=twins.plain(templates.TREND, "trend")),
    "book": Pair(flawed=flaws.book, sound=twins.plain(templates.BREAKOUT, "trend")),
    "by_heart": Pair(flawed=flaws.by_heart, sound=twins.by_rule, symbols=ONE),
    "worse": Pair(flawed=flaws.worse, sound=twins.better),
}
"""Flaw -> it and its twin."""
