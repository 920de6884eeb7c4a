"""Releases that take over within a life, and who sits at the account meanwhile; read from the journal after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from autarch.market.types import Market
from live.growing import Mute
from live.lines import lines_of
from live.portfolio import Handover
from live.ports.bars import Instant
from live.ports.brain import Brain
from live.trading.release import Release, Switch
from live.watching.handover import Holding
from live.watching.seats import Seat, first_seats, seats_from_json, seats_to_json
from live.watching.takeover import Table, switch_of, terms_of

from .market import COSTS, manifest
from .scenario import CAPITAL, Scenario
from .sides import SLEEVE

FIRST: Final = "v0.1.0"
WORDS: Final[tuple[Handover, ...]] = ("adopt", "drain", "flatten")


def heirs_of(scenario: Scenario, tag: str, handover: Handover) -> tuple[Holding, ...]:
    """Return the sleeves of a release: one strategy over all symbols, with all of the capital."""
    return (Holding(strategy=SLEEVE, tag=tag, symbols=scenario.symbols, capital=CAPITAL, handover=handover),)


def sitting(journal: Any, scenario: Scenario) -> tuple[str, tuple[Seat, ...]]:
    """Return the release that trades and who sits at the account, as the journal says."""
    opened = journal.last("opened")
    if opened is None:
        return FIRST, first_seats(heirs_of(scenario, FIRST, "adopt"))
    return str(opened.body["tag"]), seats_from_json(opened.body["seats"])


def after(tag: str) -> str:
    """Return the next version."""
    return f"v0.{int(tag.split('.')[1]) + 1}.0"


def release_of(scenario: Scenario, seats: Sequence[Seat], *, tag: str = FIRST) -> Release:
    """Return what the executor trades for those who sit there."""
    market = scenario.drawn.market
    lines = lines_of(market, manifest(SLEEVE, market.symbols, market.interval), COSTS)
    return Release(
        tag=tag, account="sim", sleeves={seat.key: terms_of(seat, lines) for seat in seats}, limits=scenario.limits,
        capital=Decimal(CAPITAL), opened={"tag": tag, "seats": seats_to_json(seats)},
    )  # fmt: skip


def brains_of(seats: Iterable[Seat], brain: Callable[[str], Brain]) -> Mapping[str, Brain]:
    """Return who decides for each seat."""
    return {seat.key: Mute() if seat.mode == "close" else brain(seat.key) for seat in seats}


def switch_to(
    scenario: Scenario, seats: Sequence[Seat], tag: str, handover: Handover, taken: Callable[[], None]
) -> Switch:
    """Return the switch to a release, which ends the run; `taken` is called when it happens."""

    def lay(sitting: Sequence[Seat]) -> Table:
        taken()
        return Table(release=release_of(scenario, sitting, tag=tag), bars=Over(), brains={})

    return switch_of(seats, heirs_of(scenario, tag, handover), lay, tag=tag)


class Over:
    """Bars that are at their end. Implements `live.ports.bars.Bars`."""

    def market(self, strategy: str) -> Market:
        """Have none."""
        raise KeyError(strategy)

    async def next(self) -> Instant | None:
        """See `live.ports.bars.Bars`."""
        return None

    def behind(self) -> bool:
        """See `live.ports.bars.Bars`."""
        return False

    async def close(self) -> None:
        """See `live.ports.bars.Bars`."""
