"""A paper venue that lives by recorded bars: bit for bit the backtest's fills."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.engine.costs import CostModel
from autarch.market.types import FundingSchedule, Instrument, Market
from live.lines import Line
from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import BarClosed, PriceEvent, RecordedBars, Tape
from live.trading.sleeves import entry_deadline_ms

WIDE_BAND = Decimal("0.5")  # a recorded open stands however far it has jumped


class Merged:
    """Several tapes as one; at one instant all bars close before any opens."""

    def __init__(self, tapes: Sequence[Tape]) -> None:
        """Stand before the first event of any."""
        self._events = heapq.merge(*(_keyed(tape, place) for place, tape in enumerate(tapes)), key=lambda one: one[:3])
        self._next = next(self._events, None)

    def next_ms(self) -> EpochMs | None:
        """See `Tape`."""
        return None if self._next is None else EpochMs(self._next[0])

    def pop(self) -> PriceEvent:
        """See `Tape`.

        Raises:
            IndexError: there is none.
        """
        if self._next is None:
            raise IndexError("all tapes are at their end")
        event = self._next[3]
        self._next = next(self._events, None)
        return event


def recorded_exchange(markets: Mapping[str, Market], lines: Mapping[str, Sequence[Line]], costs: CostModel) -> Exchange:
    """Return an exchange that lists `lines` and plays their recorded bars.

    Args:
        markets: By sleeve key; a market's symbols that its sleeve does not trade are left out.
        lines: By sleeve key.
        costs: Of market orders.
    """
    own = [_only(market, [line.symbol for line in lines[key]]) for key, market in markets.items()]
    tapes = [RecordedBars(market, hold_ms=entry_deadline_ms(market.interval_ms)) for market in own]
    return Exchange(
        [
            contract_of(line.instrument, costs, funding=line.series.funding_schedule)
            for each in lines.values()
            for line in each
        ],
        tapes[0] if len(tapes) == 1 else Merged(tapes),
        start_ms=EpochMs(min(int(market.ts[0]) for market in own)),
        public=False,
    )


def contract_of(
    instrument: Instrument,
    costs: CostModel,
    *,
    funding: tuple[FundingSchedule, ...] = (),
    band: Decimal = WIDE_BAND,
) -> Contract:
    """Return an instrument as the simulated exchange lists it."""
    return Contract(
        instrument=instrument,
        costs=costs,
        max_limit_qty=instrument.max_market_qty * 2,
        max_leverage=Decimal(1000),
        price_limit_frac=band,
        funding=funding,
    )


def _only(market: Market, symbols: Sequence[str]) -> Market:
    places = [market.symbols.index(symbol) for symbol in symbols]
    return replace(
        market,
        series=tuple(market.series[place] for place in places),
        instruments=tuple(market.instruments[place] for place in places),
    )


def _keyed(tape: Tape, place: int) -> Iterator[tuple[int, int, int, PriceEvent]]:
    while (due := tape.next_ms()) is not None:
        event = tape.pop()
        yield due, int(not isinstance(event, BarClosed)), place, event
