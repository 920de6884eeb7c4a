"""Download a data set from Bybit's public history: the venue as one more `BarSource`.

Bars and settlements come from `from` to `to`, mark prices hourly (settlements fall on whole hours). Filters, tiers and
listing dates are the venue's of today; fees are assumed, since an account's own need a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.assemble import Progress, Terms, assemble, check_terms
from autarch.market.build import DAY_MS, Recipe
from autarch.market.bybit.client import MAINNET, PublicClient
from autarch.market.bybit.pages import Download, page_name
from autarch.market.bybit.partial import PageStore, Rows
from autarch.market.bybit.terms import read_instrument
from autarch.market.lock_check import check_instrument
from autarch.market.lock_types import STORED_MS, InstrumentEntry, Kind
from autarch.market.validate import MS_MAX, Part, iso

VENUE = "bybit"
MARK_INTERVAL = "1h"
SILENCE_MS = DAY_MS  # between a listing's stamp and its first trade, or the last trade and a delisting's
CURE = "the venue says so (--fresh asks it again): leave the row out with --from or --to, or the whole symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest(Terms):
    """What to download. `start_ms` is needed; without `end_ms` the range ends where today begins, in UTC."""

    start_ms: int

    @property
    def paged(self) -> tuple[str, ...]:
        """Names of the series whose pages are kept on disk while they are downloaded."""
        bars = [page_name(s, "kline", interval) for s in self.symbols for interval in self.intervals]
        return (*bars, *(page_name(symbol, "mark", MARK_INTERVAL) for symbol in self.symbols))


def sync_recipe(
    request: SyncRequest, *, client: PublicClient, pages: PageStore, now_ms: int, progress: Progress
) -> Recipe:
    """Return the recipe of the data set that `request` asks of the venue; only pages are written.

    Raises:
        DataError: the venue fails or says no, contradicts itself, or its rows are refused by `assemble`.
    """
    check_terms(request)
    now_ms = min(now_ms, _venue_now(client))  # a bar is closed when both clocks say so
    end_ms = now_ms // DAY_MS * DAY_MS if request.end_ms is None else min(request.end_ms, now_ms)
    if request.start_ms >= end_ms:
        raise DataError(f"--from {iso(request.start_ms)} is not before {iso(end_ms)}, where the range ends")
    terms = Terms(
        name=request.name,
        venue=VENUE,
        symbols=request.symbols,
        intervals=request.intervals,
        shares=request.shares,
        gaps=request.gaps,
        start_ms=request.start_ms,
        end_ms=end_ms,
    )
    download = Download(client, pages, now_ms=now_ms, progress=progress)
    return assemble(terms, _Venue(terms, client, download), now_ms=now_ms, progress=progress)


def _venue_now(client: PublicClient) -> int:
    seconds = str(client.ask("get_server_time").get("timeSecond"))
    if not seconds.isdigit():
        raise DataError(f"{client.url}: the venue's time is {seconds!r}; is --url the root of a v5 API?")
    return int(seconds) * 1000


class _Venue:
    """The venue as a source of series: the span of each symbol is known before its bars are asked for."""

    def __init__(self, terms: Terms, client: PublicClient, download: Download) -> None:
        self._terms = terms
        self._client = client
        self._download = download
        self._listed: dict[str, tuple[int, int]] = {}

    @property
    def origin(self) -> str:
        """Name the venue, and the address where it is not the public one."""
        host = urlsplit(self._client.url).hostname
        return "Bybit's public v5 API" if self._client.url == MAINNET else f"Bybit's public v5 API at {host}"

    def instruments(self, symbols: tuple[str, ...]) -> tuple[InstrumentEntry, ...]:
        """Return today's instruments, and remember when each was listed."""
        start_ms, end_ms = self._terms.span
        entries = tuple(read_instrument(self._client, symbol) for symbol in symbols)
        for entry in entries:
            check_instrument(entry)
            listed = 0 if entry.listed_ms is None else entry.listed_ms.value
            gone = MS_MAX if entry.delisted_ms is None else entry.delisted_ms.value
            if max(start_ms, listed) >= min(end_ms, gone):
                ended = "" if entry.delisted_ms is None else f" and delisted at {iso(gone)}"
                raise DataError(
                    f"{entry.symbol} was listed at {iso(listed)}{ended}; nothing of it lies between "
                    f"{iso(start_ms)} and {iso(end_ms)}: choose another range, or leave it out"
                )
            self._listed[entry.symbol] = (listed, gone)
        return entries

    def klines(self, symbol: str, interval: str) -> Sequence[Part]:
        """Return the bars."""
        return [self._bars(symbol, "kline", interval)]

    def marks(self, symbol: str) -> Mapping[str, Sequence[Part]]:
        """Return hourly mark prices."""
        return {MARK_INTERVAL: [self._bars(symbol, "mark", MARK_INTERVAL)]}

    def funding(self, symbol: str) -> Sequence[Part]:
        """Return settlements, from a day before the range: the first interval is told by what came before it."""
        start_ms, end_ms = self._terms.span
        rows = self._download.funding(symbol, start_ms=start_ms - DAY_MS, end_ms=end_ms)
        return [_part(symbol, "funding", None, rows)] if rows["ts"].size else []

    def missing_funding(self, symbol: str) -> str:
        """Name the call that gave nothing."""
        return f"{self._client.url} has no funding history of {symbol} in this range"

    def _bars(self, symbol: str, kind: Kind, interval: str) -> Part:
        step = STORED_MS[interval]
        listed, gone = self._listed[symbol]
        start_ms, end_ms = self._terms.span
        first = max(-(-start_ms // step), listed // step) * step
        after = min(end_ms, gone) // step * step
        rows = self._download.bars(symbol, kind, interval, start_ms=first, end_ms=after)
        part = _part(symbol, kind, interval, rows)
        self._check_cover(part, symbol, first, after)
        return part

    def _check_cover(self, part: Part, symbol: str, first: int, after: int) -> None:
        """Refuse bars that begin late or end early, save for the silence around a listing and a delisting."""
        listed, gone = self._listed[symbol]
        if part.ts.size == 0:
            raise DataError(f"{part.file}: no rows between {iso(first)} and {iso(after)}; choose another range")
        begin, end = int(part.ts[0]), int(part.ts[-1]) + (part.interval_ms or 0)
        late = (first, begin, SILENCE_MS if first <= listed else 0)
        early = (end, after, SILENCE_MS if after > gone - SILENCE_MS else 0)
        for hole_start, hole_end, excused in (late, early):
            gaps = [g for g in self._terms.gaps if g.symbol == symbol]
            declared = any(g.from_ms <= hole_start and g.to_ms >= hole_end for g in gaps)
            if hole_end - hole_start > excused and not declared:
                raise DataError(
                    f"{part.file}: no rows from {hole_start} ({iso(hole_start)}) to {hole_end} ({iso(hole_end)}). "
                    f"Choose --from and --to without them, or declare the gap: "
                    f"--declare-gap {symbol}:{hole_start}:{hole_end}:REASON"
                )


def _part(symbol: str, kind: Kind, interval: str | None, rows: Rows) -> Part:
    label = " ".join(word for word in ("Bybit", symbol, kind, interval) if word)
    step = None if interval is None else INTERVAL_MS[interval]
    return Part(file=label, kind=kind, interval_ms=step, table=rows, cure=CURE)
