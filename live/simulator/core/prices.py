"""What moves the market: prices in time order, from recorded bars or from a script."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import rules
from autarch.engine.packing import listed_rows, marks_at, paid_stamps, settled_row
from autarch.engine.position import TURNOVER_BARS
from autarch.market.types import Instrument, Market, SymbolSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class BarOpened:
    """A bar opens: the price is `open` until the bar is swept. `depth`: median turnover of the bars before."""

    time_ms: EpochMs
    symbol: str
    open: float
    depth: float
    traded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSwept:
    """The bar's extremes have both been traded; the price is the close from here on."""

    time_ms: EpochMs
    symbol: str
    open: float
    high: float
    low: float
    close: float
    depth: float
    traded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BarClosed:
    """The bar is final."""

    time_ms: EpochMs
    symbol: str
    interval_ms: int
    start_ms: EpochMs
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingDue:
    """Funding settles. `at_open`: at the very opening of a bar, before anything else of it."""

    time_ms: EpochMs
    symbol: str
    rate: float
    mark: float
    at_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkMoved:
    """A new mark price."""

    time_ms: EpochMs
    symbol: str
    mark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """One trade at a price: what a script, or a public stream, says of the market."""

    time_ms: EpochMs
    symbol: str
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delisted:
    """The venue ends the symbol and settles what is held at `price`."""

    time_ms: EpochMs
    symbol: str
    price: float


PriceEvent = BarOpened | BarSwept | BarClosed | FundingDue | MarkMoved | Traded | Delisted


class Tape(Protocol):
    """Where prices come from. Times never fall."""

    def next_ms(self) -> EpochMs | None:
        """Return when the next event is, None when there is none (yet)."""
        ...

    def pop(self) -> PriceEvent:
        """Return the next event and go on."""
        ...


class Script:
    """A tape that somebody writes while it plays."""

    def __init__(self, events: Sequence[PriceEvent] = ()) -> None:
        """Begin with `events`, in any order; those of one time are played in the order given."""
        self._number = 0
        self._waiting: list[tuple[int, int, PriceEvent]] = []
        for event in events:
            self.add(event)

    def add(self, event: PriceEvent) -> None:
        """Play one more event."""
        self._number += 1
        heapq.heappush(self._waiting, (event.time_ms, self._number, event))

    def next_ms(self) -> EpochMs | None:
        """See `Tape`."""
        return EpochMs(self._waiting[0][0]) if self._waiting else None

    def pop(self) -> PriceEvent:
        """See `Tape`."""
        return heapq.heappop(self._waiting)[2]


class RecordedBars:
    """Recorded bars as prices: open, nothing for `hold_ms`, both extremes, then the close.

    Orders that arrive while the price is held fill at the open, as a backtest's do. Assumes that nothing happens
    in that time; unfit to tell what waiting costs.
    """

    def __init__(self, market: Market, *, hold_ms: int) -> None:
        """Stand before the first bar.

        Args:
            market: One split.
            hold_ms: From the open to the extremes, within the bar.

        Raises:
            ValueError: `hold_ms` does not lie within a bar.
        """
        if not 0 <= hold_ms < market.interval_ms:
            raise ValueError(f"hold_ms is {hold_ms}; expected from 0 to below the interval {market.interval_ms}")
        lines = [_BarLine(market, place, hold_ms) for place in range(len(market.symbols))]
        keyed = [_keyed(line.events(), number) for number, line in enumerate(lines)]
        self._events = keyed[0] if len(keyed) == 1 else heapq.merge(*keyed)
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
            raise IndexError("the recorded bars are at their end")
        event = self._next[4]
        self._next = next(self._events, None)
        return event


def _keyed(events: Iterator[PriceEvent], line: int) -> Iterator[tuple[int, int, int, int, PriceEvent]]:
    """Order events by time; at one instant all symbols' closes first, then symbol by symbol in their order."""
    now = 0
    for number, event in enumerate(events):
        now = max(now, event.time_ms)  # a stamp between open and sweep is played with the sweep
        yield now, int(not isinstance(event, BarClosed)), line, number, event


class _BarLine:
    """One symbol's bars as events in time order."""

    def __init__(self, market: Market, place: int, hold_ms: int) -> None:
        self._market = market
        self._series: SymbolSeries = market.series[place]
        self._instrument: Instrument = market.instruments[place]
        self._hold_ms = hold_ms

    def events(self) -> Iterator[PriceEvent]:
        series, instrument, market = self._series, self._instrument, self._market
        traded = listed_rows(market, series, instrument).tolist()
        settled = settled_row(market, instrument)
        stamps = series.funding_ms[: paid_stamps(series, instrument)]
        marks = marks_at(market, series, stamps)
        stamp = 0
        opens, highs = series.open.tolist(), series.high.tolist()
        lows, closes = series.low.tolist(), series.close.tolist()
        for row, start in enumerate(market.ts.tolist()):
            end = start + market.interval_ms
            depth = _depth(series, row)
            while stamp < len(stamps) and stamps[stamp] <= start:
                yield self._due(int(stamps[stamp]), series.funding_rate[stamp], marks[stamp], at_open=True)
                stamp += 1
            yield BarOpened(
                time_ms=EpochMs(start), symbol=series.symbol, open=opens[row], depth=depth, traded=traded[row]
            )
            inside: list[PriceEvent] = [
                BarSwept(
                    time_ms=EpochMs(start + self._hold_ms),
                    symbol=series.symbol,
                    open=opens[row],
                    high=highs[row],
                    low=lows[row],
                    close=closes[row],
                    depth=depth,
                    traded=traded[row],
                )
            ]
            while stamp < len(stamps) and stamps[stamp] < end:
                inside.append(self._due(int(stamps[stamp]), series.funding_rate[stamp], marks[stamp], at_open=False))
                stamp += 1
            # A stamp before the sweep is paid after it all the same: the bar's rules know only inside and open.
            yield from sorted(inside, key=lambda event: max(event.time_ms, start + self._hold_ms))
            if row == settled:
                yield Delisted(time_ms=EpochMs(end - 1), symbol=series.symbol, price=closes[row])
            yield self._closed(row, start, end)

    def _due(self, stamp: int, rate: np.float64, mark: np.float64, *, at_open: bool) -> FundingDue:
        return FundingDue(
            time_ms=EpochMs(stamp), symbol=self._series.symbol, rate=float(rate), mark=float(mark), at_open=at_open
        )

    def _closed(self, row: int, start: int, end: int) -> BarClosed:
        series = self._series
        return BarClosed(
            time_ms=EpochMs(end),
            symbol=series.symbol,
            interval_ms=self._market.interval_ms,
            start_ms=EpochMs(start),
            open=float(series.open[row]),
            high=float(series.high[row]),
            low=float(series.low[row]),
            close=float(series.close[row]),
            volume=float(series.volume[row]),
            turnover=float(series.turnover[row]),
        )


def _depth(series: SymbolSeries, row: int) -> float:
    window = np.require(series.turnover[max(0, row - TURNOVER_BARS) : row], np.float64, ("C", "W", "A"))
    return rules.median(window)
