"""Bars of a market that is happening: Bybit's public stream, checked and filled by its REST; no key.

A bar counts once the stream has confirmed it, or once two reads a second apart agree on it. Every bar the stream
confirmed is read afterwards too; one that turns out to be another ends the feed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.errors import DataError, VenueError
from autarch.manifest import Manifest
from autarch.market.bybit.pages import WIRE_INTERVAL
from autarch.market.types import Instrument, Market
from live.feeds.bybit_history import History
from live.feeds.bybit_lines import BarLine
from live.feeds.bybit_markets import Markets
from live.feeds.bybit_prices import TICKER, TRADE, LivePrices, Tape
from live.ports.bars import Instant
from live.ports.clock import Clock
from live.venue.bybit.asking import Asker
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.parsing import amount, stamp
from live.venue.bybit.ports import StreamMessage, Streams, Transport
from live.venue.bybit.supervising import Down, Supervisor, Up, Wanted
from live.venue.bybit.timing import VenueTime

LATE_MS_MAX: Final = 20_000
FILL_AFTER_MS: Final = 2_000
"""So long after a bar's close its confirmation is awaited before it is read."""
CHECK_AFTER_S: Final = 5.0
LOOK_S: Final = 0.5
LOOK_S_MAX: Final = 20.0
PATIENCE: Final = 20
GIVE_UP_MS: Final = 3_600_000
CLOCK_EVERY_S: Final = 60.0
FEED: Final = "bybit-public"

_INTERVAL: Final = {wire: interval for interval, wire in WIRE_INTERVAL.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The way to the venue; no key is needed. `rng`: jitter of reconnections."""

    transport: Transport
    streams: Streams
    clock: Clock
    rng: random.Random


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """How the feed runs.

    Attributes:
        after_ms: Newest close that was decided before; every later one is told, missed ones too. None: from now on.
        tape: Takes prices as they happen, for a paper account; None for none.
        silence_s: Longest silence of a bar's topic; the venue shows a bar being made at least once a minute.
        patience: Of the client.
    """

    after_ms: int | None = None
    tape: Tape | None = None
    silence_s: float = 90.0
    patience: BybitOptions = field(default_factory=lambda: BybitOptions(environment="mainnet"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSleeve:
    """What one sleeve reads: symbols traded and context, at one interval, anchored with so much warm-up."""

    symbols: tuple[str, ...]
    interval: str
    interval_ms: int
    warmup: int
    block: int

    @classmethod
    def of(cls, manifest: Manifest) -> FeedSleeve:
        """Return what a strategy's manifest asks for."""
        return cls(
            symbols=(*manifest.symbols, *manifest.context),
            interval=manifest.interval,
            interval_ms=manifest.interval_ms,
            warmup=manifest.warmup,
            block=manifest.block,
        )


class BybitPublicBars:
    """Implements `live.ports.bars.Bars`. `start` first; it reads the history that every sleeve needs.

    `clock_ms` is the venue's time, for whoever wants to move with it.
    """

    def __init__(
        self,
        wire: Wire,
        sleeves: Mapping[str, FeedSleeve],
        instruments: Mapping[str, Instrument],
        options: FeedOptions,
    ) -> None:
        """Ask nothing yet.

        Args:
            wire: The way to the venue.
            sleeves: What is read, by sleeve key.
            instruments: Filters and tiers of every symbol, from the release's data set.
            options: How to run.

        Raises:
            ConfigError: a symbol has no instrument.
        """
        self.trouble = ""
        self._options = options
        self._transport = wire.transport
        self._sleeves = dict(sleeves)
        self._time = VenueTime(wire.clock)
        self._ask = Asker(wire.transport, options.patience, told=self._troubled)
        self._history = History(self._ask, self._time.now_ms)
        self._markets = Markets(FEED, sleeves, instruments)
        self._prices = None if options.tape is None else LivePrices(options.tape)
        self._stream = Supervisor(wire.streams, self._wanted(), self, options=options.patience, rng=wire.rng)
        self._next: dict[str, int] = {}
        self._heard_s: dict[str, float] = {}
        self._arrived = asyncio.Event()
        self._fault: DataError | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Read the history and connect.

        Raises:
            VenueError: the venue does not answer.
            DataError: bars are missing.
        """
        await self._time.measure(self._ask)
        now = self._time.now_ms()
        after = now if self._options.after_ms is None else self._options.after_ms
        try:
            await self._markets.load(self._history, first_ms=min(after, now), now_ms=now)
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        step = {key: sleeve.interval_ms for key, sleeve in self._sleeves.items()}
        self._next = {key: (after // step[key] + 1) * step[key] for key in self._sleeves}
        for work in (self._stream.run(), self._fill(), self._watch_clock()):
            self._spawn(work)

    def market(self, strategy: str) -> Market:
        """See `Bars`."""
        return self._markets.market(strategy)

    async def next(self) -> Instant | None:
        """See `Bars`."""
        while True:
            if self._fault is not None:
                raise self._fault
            now = self._time.now_ms()
            found = self._due(now)
            if found is not None:
                return self._instant(*found)
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s(now)):
                    await self._arrived.wait()

    def behind(self) -> bool:
        """See `Bars`."""
        return self._fault is None and self._due(self._time.now_ms()) is not None

    async def close(self) -> None:
        """See `Bars`."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()

    def clock_ms(self) -> EpochMs:
        """Return the venue's time."""
        return self._time.now_ms()

    def heard(self, _generation: int, message: StreamMessage) -> None:
        """Take a message of the stream."""
        if message.topic:
            self._heard_s[message.topic] = asyncio.get_running_loop().time()
        if message.topic.startswith("kline."):
            _, wire, symbol = message.topic.split(".", 2)
            try:
                self._bar(symbol, _INTERVAL[wire], message.message)
            except (DataError, VenueError) as error:
                self._end(error)
        elif self._prices is not None:
            self._prices.heard(message.topic, message.message)

    def stale_ms(self) -> dict[str, int]:
        """Return how long ago each topic last said anything, ms."""
        now_s = asyncio.get_running_loop().time()
        return {topic: round(1000 * (now_s - heard_s)) for topic, heard_s in sorted(self._heard_s.items())}

    def told(self, change: Up | Down) -> None:
        """Take a change of the stream's state."""
        self.trouble = change.reason if isinstance(change, Down) else ""

    def _troubled(self, reason: str, _fatal: bool) -> None:  # noqa: FBT001  the asker's callback
        self.trouble = reason

    def _wanted(self) -> Wanted:
        reads = {(symbol, sleeve.interval) for sleeve in self._sleeves.values() for symbol in sleeve.symbols}
        bars = tuple(sorted(f"kline.{WIRE_INTERVAL[interval]}.{symbol}" for symbol, interval in reads))
        symbols = sorted({symbol for symbol, _ in reads})
        prices = tuple(f"{kind}.{symbol}" for symbol in symbols for kind in (TICKER, TRADE)) if self._prices else ()
        return Wanted(channel="public", topics=(*bars, *prices), silence_s=dict.fromkeys(bars, self._options.silence_s))

    def _due(self, now: EpochMs) -> tuple[int, EpochMs, list[str]] | None:
        """Return close, time and sleeves of the earliest instant that may be told.

        Sleeves that wait for a bar hold up others until it is late.
        """
        for close in sorted(set(self._next.values())):
            if close > now:
                return None
            keys = [key for key, at in self._next.items() if at == close]
            ready = [key for key in keys if self._markets.is_ready(key, close)]
            late = now - close > min(late_ms(self._sleeves[key]) for key in keys)
            if len(ready) == len(keys) or (late and ready):
                return close, now if late else EpochMs(close), ready
            if not late:
                return None
        return None

    def _instant(self, close: int, told_ms: EpochMs, keys: list[str]) -> Instant:
        closing = tuple((key, self._markets.row(key, close)) for key in keys)
        for key in keys:
            self._next[key] = close + self._sleeves[key].interval_ms
        return Instant(
            time_ms=told_ms, closing=closing, opening=tuple((key, row + 1) for key, row in closing), traded={}
        )

    def _wait_s(self, now: EpochMs) -> float:
        """Return the seconds until something may be due without a message."""
        until = min((at - now for at in self._next.values() if at > now), default=CLOCK_EVERY_S * 1000)
        return min(until / 1000, LOOK_S) if any(at <= now for at in self._next.values()) else until / 1000

    def _bar(self, symbol: str, interval: str, message: Mapping[str, Any]) -> None:
        rows = message.get("data")
        for row in rows if isinstance(rows, list) else []:
            line = self._markets.lines.get((symbol, interval))
            if line is None or row.get("confirm") is not True:
                continue
            start = stamp(row, "start")
            if start < line.end_ms and line.row_of(start) is None:
                continue  # from before our window
            names = ("open", "high", "low", "close", "volume")
            line.add({int(start): tuple(float(amount(row, name)) for name in names)})
            self._spawn(self._check(line, int(start)))
            self._closed(line)

    def _closed(self, line: BarLine) -> None:
        """Tell the paper market how deep it is, and whoever waits that there are rows."""
        if self._prices is not None:
            window = line.columns(start_ms=max(line.start_ms, line.end_ms - line.interval_ms * 96), end_ms=line.end_ms)
            turnover = window["volume"] * (window["high"] + window["low"] + window["close"]) / 3
            self._prices.bar_closed(
                line.symbol, close_ms=line.end_ms, close=float(window["close"][-1]), turnover=turnover
            )
        self._arrived.set()

    async def _check(self, line: BarLine, start: int) -> None:
        """Read a bar that the stream has confirmed.

        Raises:
            DataError: it is another one, twice running.
        """
        await asyncio.sleep(CHECK_AFTER_S)
        end = start + line.interval_ms
        with contextlib.suppress(VenueError):  # a check that could not be made is none; the next bar has its own
            found = await self._history.bars(line.symbol, line.interval, start_ms=start, end_ms=end)
            if found.get(start, line.row_of(start)) != line.row_of(start):
                line.add(await self._history.agreed(line.symbol, line.interval, start_ms=start, end_ms=end))

    async def _fill(self) -> None:
        """Read what the stream did not tell: bars after a gap, settlements, marks.

        Raises:
            DataError: a bar stays missing, or is another one.
        """
        lines = self._markets.lines.values()
        while True:
            due = min(line.end_ms + line.interval_ms for line in lines) + FILL_AFTER_MS
            due_s = (due - self._time.now_ms()) / 1000
            # What has been missing for long is looked for ever less often.
            await asyncio.sleep(min(max(due_s, -due_s / PATIENCE, LOOK_S), LOOK_S_MAX))
            now = self._time.now_ms()
            with contextlib.suppress(VenueError):  # the next look comes
                await self._markets.refresh(self._history, now_ms=now)
            for ended in await asyncio.gather(*(self._fill_line(line, now) for line in lines), return_exceptions=True):
                if isinstance(ended, BaseException) and not isinstance(ended, VenueError):
                    raise ended

    async def _fill_line(self, line: BarLine, now: EpochMs) -> None:
        behind = now - (line.end_ms + line.interval_ms)
        if behind < FILL_AFTER_MS:
            return
        end = now - now % line.interval_ms
        line.add(await self._history.agreed(line.symbol, line.interval, start_ms=line.end_ms, end_ms=end))
        if line.end_ms >= end:
            self._closed(line)
        elif now - (line.end_ms + line.interval_ms) > GIVE_UP_MS:
            raise DataError(
                f"{line.symbol} {line.interval}: the bar that opens at {line.end_ms} is missing an hour after its "
                "close; the venue may have halted or delisted it. Take it out of the release, or start again later"
            )

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            with contextlib.suppress(VenueError):  # the loop's own clock goes on meanwhile
                await self._time.measure(self._ask)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._end(error)

    def _end(self, error: Exception) -> None:
        """End the feed: whoever waits for the next instant hears why."""
        self._fault = error if isinstance(error, DataError) else DataError(f"{FEED}: {type(error).__name__}: {error}")
        self._arrived.set()


def late_ms(sleeve: FeedSleeve) -> int:
    """Return after how long a bar's confirmation is late: the entry deadline."""
    return min(LATE_MS_MAX, sleeve.interval_ms // 10)
