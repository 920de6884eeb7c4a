"""The markets of a live feed: every sleeve's rows, cut from lines that sleeves share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import numpy as np

from autarch.canonical import Sha256, canonical_digest
from autarch.engine.position import TURNOVER_BARS
from autarch.errors import ConfigError, DataError
from autarch.market.types import Instrument, Market
from live.feeds.bybit_history import History
from live.feeds.bybit_lines import HOUR_MS, BarLine, FundingLine, series_of

DAY_MS: Final = 86_400_000
FUNDING_BEFORE_MS: Final = 3 * DAY_MS
"""Of settlements before the first bar, so that its newest rate and the interval are known."""
LineKey = tuple[str, str]


class Reading(Protocol):
    """What one sleeve reads."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Traded ones and context."""
        ...

    @property
    def interval(self) -> str:
        """As manifests write it."""
        ...

    @property
    def interval_ms(self) -> int:
        """Its length."""
        ...

    @property
    def warmup(self) -> int:
        """Bars before a block."""
        ...

    @property
    def block(self) -> int:
        """Bars in a block of anchored evaluation."""
        ...


class Markets:
    """Lines by (symbol, interval), funding by symbol, and the row at which each sleeve begins."""

    def __init__(self, name: str, sleeves: Mapping[str, Reading], instruments: Mapping[str, Instrument]) -> None:
        """Know no bar yet.

        Raises:
            ConfigError: a symbol has no instrument.
        """
        self.lines: dict[LineKey, BarLine] = {}
        self.funding: dict[str, FundingLine] = {}
        self._name = name
        self._sleeves = dict(sleeves)
        self._instruments = dict(instruments)
        self._starts: dict[str, int] = {}
        self._made: dict[str, tuple[tuple[int, int, int], Market]] = {}
        lacking = sorted({s for sleeve in sleeves.values() for s in sleeve.symbols} - instruments.keys())
        if lacking:
            raise ConfigError(
                f"no filters and tiers are known for {', '.join(lacking)}; the release's data set lacks them"
            )
        self._digest = Sha256(canonical_digest({symbol: _plain(instruments[symbol]) for symbol in sorted(instruments)}))

    async def load(self, history: History, *, first_ms: int, now_ms: int) -> None:
        """Read what every sleeve needs to decide at its first close after `first_ms`, up to now.

        Raises:
            VenueError: the venue does not answer.
            DataError: bars are missing.
        """
        self._starts = {key: start_ms(sleeve, first_ms) for key, sleeve in self._sleeves.items()}
        begins: dict[LineKey, int] = {}
        for key, sleeve in self._sleeves.items():
            for symbol in sleeve.symbols:
                line = (symbol, sleeve.interval)
                begins[line] = min(begins.get(line, self._starts[key]), self._starts[key])
                step = sleeve.interval_ms
                self.lines[line] = BarLine(
                    symbol=symbol, interval=sleeve.interval, interval_ms=step, start_ms=begins[line]
                )
        earliest: dict[str, int] = {}
        for (symbol, _), begin in begins.items():
            earliest[symbol] = min(earliest.get(symbol, begin), begin)
        # Side by side: each line waits a second between two reads that must agree.
        async with asyncio.TaskGroup() as group:
            for bars in self.lines.values():
                group.create_task(self._load_line(history, bars, now_ms))
            for symbol, begin in earliest.items():
                group.create_task(self._load_funding(history, symbol, begin, now_ms))

    def market(self, key: str) -> Market:
        """Return a sleeve's market up to the newest bar that all its symbols have."""
        sleeve, start = self._sleeves[key], self._starts[key]
        lines = [self.lines[symbol, sleeve.interval] for symbol in sleeve.symbols]
        fundings = [self.funding[symbol] for symbol in sleeve.symbols]
        end = min(line.end_ms for line in lines)
        state = (end, sum(len(f.settled) for f in fundings), sum(len(f.marked) for f in fundings))
        if key not in self._made or self._made[key][0] != state:
            self._made[key] = (state, self._make(sleeve, lines, start, end))
        return self._made[key][1]

    def row(self, key: str, close_ms: int) -> int:
        """Return the row of the bar that closes at a time."""
        return (close_ms - self._starts[key]) // self._sleeves[key].interval_ms - 1

    def is_ready(self, key: str, close_ms: int) -> bool:
        """Return whether a decision at this close has all it may see."""
        sleeve = self._sleeves[key]
        return all(
            self.lines[symbol, sleeve.interval].end_ms >= close_ms
            and self.funding[symbol].knows(self.funding[symbol].newest_due(close_ms))
            for symbol in sleeve.symbols
        )

    async def refresh(self, history: History, *, now_ms: int) -> None:
        """Read the settlements and the hourly marks that have come since.

        Raises:
            VenueError: the venue does not answer.
            DataError: it answers something else.
        """
        for symbol, line in self.funding.items():
            due = line.newest_due(now_ms)
            if due not in line.settled and line.settled:
                since = max(line.settled) + 1
                line.settled |= await history.settlements(symbol, start_ms=since, end_ms=now_ms)
            hour = now_ms // HOUR_MS * HOUR_MS - HOUR_MS
            if line.marked and hour not in line.marked:
                line.marked |= await history.marks(symbol, start_ms=max(line.marked) + HOUR_MS, end_ms=now_ms)

    def _make(self, sleeve: Reading, lines: Iterable[BarLine], start: int, end: int) -> Market:
        return Market(
            dataset=self._name,
            dataset_digest=self._digest,
            split="forward",
            interval=sleeve.interval,
            interval_ms=sleeve.interval_ms,
            ts=np.arange(start, end, sleeve.interval_ms, dtype=np.int64),
            series=tuple(series_of(line, self.funding[line.symbol], start_ms=start, end_ms=end) for line in lines),
            instruments=tuple(self._instruments[line.symbol] for line in lines),
        )

    async def _load_line(self, history: History, line: BarLine, now_ms: int) -> None:
        end = now_ms - now_ms % line.interval_ms
        recent = max(line.start_ms, end - TURNOVER_BARS * line.interval_ms)
        found = await history.bars(line.symbol, line.interval, start_ms=line.start_ms, end_ms=recent)
        found |= await history.agreed(line.symbol, line.interval, start_ms=recent, end_ms=end)
        line.begin(found)
        if line.end_ms < end:
            raise DataError(
                f"{line.symbol} {line.interval}: the venue has no bar that opens at {line.end_ms}, and later ones; "
                "start again later, or trade without the symbol until its whole window lies after the gap"
            )

    async def _load_funding(self, history: History, symbol: str, start: int, now_ms: int) -> None:
        line = FundingLine(symbol=symbol, interval_min=await history.funding_interval_min(symbol))
        line.settled = await history.settlements(symbol, start_ms=start - FUNDING_BEFORE_MS, end_ms=now_ms)
        line.marked = await history.marks(symbol, start_ms=start, end_ms=now_ms)
        self.funding[symbol] = line


def start_ms(sleeve: Reading, first_ms: int) -> int:
    """Return the open of the first bar a sleeve needs: its block's first bar, less the warm-up.

    The block is that of the bar in which `first_ms` lies. At least so many bars as the depth of a market is told by.
    """
    bar = first_ms // sleeve.interval_ms
    return (bar - bar % sleeve.block - max(sleeve.warmup, TURNOVER_BARS)) * sleeve.interval_ms


def _plain(instrument: Instrument) -> dict[str, str]:
    return {name: str(getattr(instrument, name)) for name in Instrument.__slots__}
