"""From the venue's pages, newest first, to one ascending table of each series.

What was asked for and did not come is asked for again before it counts as a hole; holes are then `validate`'s to
judge. What came unasked is not taken, and must not contradict what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from autarch.errors import DataError
from autarch.market.assemble import Progress
from autarch.market.bybit.client import PublicClient
from autarch.market.bybit.partial import PageStore, Rows
from autarch.market.bybit.wire import Found, bars_of, found_of, merge, settlements_of, table_of
from autarch.market.columns import COLUMNS
from autarch.market.lock_types import STORED_MS, Kind
from autarch.market.validate import iso

BARS_A_PAGE = 1000
SETTLEMENTS_A_PAGE = 200
FUNDING_SPAN_MS = 60 * 86_400_000  # 180 settlements at eight hours: mostly one page
ROUNDS_MAX = 4  # of asking again for rows that did not come
FUNDING_PAGES_MAX = 40  # of one span: 60 days of hourly settlements are 8
WIRE_INTERVAL = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D",
}  # fmt: skip
_METHOD = {"kline": "get_kline", "mark": "get_mark_price_kline"}


class Download:
    """Reads series of one venue: pages kept on disk are not asked for again."""

    def __init__(self, client: PublicClient, pages: PageStore, *, now_ms: int, progress: Progress) -> None:
        self._client = client
        self._pages = pages
        self._now_ms = now_ms
        self._progress = progress

    def bars(self, symbol: str, kind: Kind, interval: str, *, start_ms: int, end_ms: int) -> Rows:
        """Return the rows of closed bars in [start_ms, end_ms), both on the interval's grid, holes left out.

        Raises:
            DataError: the venue fails, contradicts itself, or revised a bar between two runs.
        """
        series = _Series(self._client, symbol, kind, interval, self._now_ms)
        name = page_name(symbol, kind, interval)
        spans = list(_windows(start_ms, end_ms, series.step * BARS_A_PAGE))
        kept = [span for span in spans if self._pages.read(name, kind, *span) is not None]
        if kept:
            self._progress(f"{series.label}: {len(kept)} of {len(spans)} pages kept from before")
            series.check_kept(kept[-1], self._pages.read(name, kind, *kept[-1]))
        tables = [table_of({}, kind)]  # a range shorter than a bar has no pages
        for number, span in enumerate(spans, 1):
            rows = self._pages.read(name, kind, *span)
            if rows is None:
                found = series.complete(span)
                rows = table_of(found, kind)
                if len(found) == (span[1] - span[0]) // series.step:
                    self._pages.write(name, kind, *span, rows)
            tables.append(rows)
            if number % 20 == 0 or number == len(spans):
                self._progress(f"{series.label}: {number} of {len(spans)} pages, to {iso(span[1])}")
        joined = {column: np.concatenate([table[column] for table in tables]) for column in COLUMNS[kind]}
        series.check_strays(joined)
        return joined

    def funding(self, symbol: str, *, start_ms: int, end_ms: int) -> Rows:
        """Return the settlements in [start_ms, end_ms], paged backwards from the end of each span.

        Raises:
            DataError: the venue fails or contradicts itself.
        """
        label = f"{symbol} funding"
        found: Found = {}
        for first, after in _windows(start_ms, end_ms + 1, FUNDING_SPAN_MS):
            newest = after - 1
            for _ in range(FUNDING_PAGES_MAX):
                result = self._client.ask(
                    "get_funding_rate_history",
                    symbol=symbol,
                    startTime=first,
                    endTime=newest,
                    limit=SETTLEMENTS_A_PAGE,
                )
                page = settlements_of(result, label)
                inside = {ts: cells for ts, cells in page.items() if first <= ts <= newest}
                if not inside:
                    break
                merge(found, inside, label)
                newest = min(inside) - 1
        self._progress(f"{label}: {len(found)} settlements")
        return table_of(found, "funding")


class _Series:
    """One series of bars at the venue, and the rows of it that came unasked."""

    def __init__(self, client: PublicClient, symbol: str, kind: Kind, interval: str, now_ms: int) -> None:
        self.label = f"{symbol} {kind} {interval}"
        self.step = STORED_MS[interval]
        self._client = client
        self._symbol = symbol
        self._kind: Kind = kind
        self._wire_interval = WIRE_INTERVAL[interval]
        self._now_ms = now_ms
        self._strays: Found = {}

    def ask(self, start_ms: int, end_ms: int) -> Found:
        """Ask once for [start, end) and return what of it came."""
        result = self._client.ask(
            _METHOD[self._kind],
            symbol=self._symbol,
            interval=self._wire_interval,
            start=start_ms,
            end=end_ms - 1,  # inside the last bar wanted, whether the venue counts its end in or out
            limit=BARS_A_PAGE,
        )
        inside: Found = {}
        for ts, cells in bars_of(result, self._kind, self.label).items():
            if start_ms <= ts < end_ms:
                inside[ts] = cells
            elif ts + self.step <= self._now_ms:  # an open bar is nobody's price yet
                merge(self._strays, {ts: cells}, self.label)
        return inside

    def complete(self, span: tuple[int, int]) -> Found:
        """Return the rows of `span`, asking again for those that did not come while asking helps."""
        found = self.ask(*span)
        for _ in range(ROUNDS_MAX):
            before = len(found)
            for start, end in _missing(found, span, self.step):
                merge(found, self.ask(start, end), self.label)
            if len(found) == before:
                break
        return found

    def check_kept(self, span: tuple[int, int], rows: Rows | None) -> None:
        """Refuse to go on from pages that the venue would not give today."""
        kept = {} if rows is None else found_of(rows, self._kind)
        for ts, cells in self.ask(*span).items():
            if kept.get(ts, cells) != cells:
                raise DataError(
                    f"{self.label} ts {ts} ({iso(ts)}): {kept[ts]} was downloaded before, the venue says {cells} now: "
                    "it revised its history. Nothing was written; pass --fresh to forget the pages of the first run"
                )

    def check_strays(self, table: Rows) -> None:
        """Refuse when a row that came unasked says something else than the one that was asked for."""
        if self._strays:
            merge(found_of(table, self._kind), self._strays, self.label)


def page_name(symbol: str, kind: Kind, interval: str) -> str:
    """Return the folder in which pages of one series are kept."""
    return f"{symbol}/{kind}-{interval}"


def _windows(start_ms: int, end_ms: int, width_ms: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) cut at multiples of `width_ms` since the epoch: the same pages whatever the range."""
    while start_ms < end_ms:
        cut = min(end_ms, (start_ms // width_ms + 1) * width_ms)
        yield start_ms, cut
        start_ms = cut


def _missing(found: Found, span: tuple[int, int], step: int) -> list[tuple[int, int]]:
    """Return the runs [start, end) of `span` without rows."""
    edges = [span[0] - step, *sorted(found), span[1]]
    return [(a + step, b) for a, b in pairwise(edges) if b - a > step]
