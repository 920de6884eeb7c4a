"""From the venue's pages, newest first, to one ascending table of each series.

A page is a set of rows: its order means nothing, a row that comes twice alike is one row, and a row that comes
twice with two prices is refused. What was asked for and did not come is asked for again before it counts as a
hole; holes are then `validate`'s to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from autarch.errors import DataError
from autarch.market.assemble import Progress
from autarch.market.bybit.client import PublicClient
from autarch.market.bybit.partial import PageStore, Rows
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
Cells = tuple[float, ...]
Found = dict[int, Cells]


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
        step = STORED_MS[interval]
        series = page_name(symbol, kind, interval)
        label = f"{symbol} {kind} {interval}"
        strays: Found = {}
        ask = self._asker(symbol, kind, interval, strays, label)
        tables: list[Rows] = []
        spans = list(_windows(start_ms, end_ms, step * BARS_A_PAGE))
        kept = [span for span in spans if self._pages.read(series, kind, *span) is not None]
        if kept:
            self._progress(f"{label}: {len(kept)} of {len(spans)} pages kept from before")
        for number, span in enumerate(spans):
            rows = self._pages.read(series, kind, *span)
            if rows is not None and span == kept[-1]:
                _compare(_found(rows, kind), ask(*span), label)
            if rows is None:
                found = _complete(ask, span, step, label)
                rows = _table(found, kind)
                if len(found) == (span[1] - span[0]) // step:
                    self._pages.write(series, kind, *span, rows)
            tables.append(rows)
            if (number + 1) % 20 == 0 or number + 1 == len(spans):
                self._progress(f"{label}: {number + 1} of {len(spans)} pages, to {iso(span[1])}")
        tables.append(_table({}, kind))  # a range shorter than a bar has no pages
        joined = {name: np.concatenate([t[name] for t in tables]) for name in COLUMNS[kind]}
        _check_strays(joined, strays, kind, label)
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
                page = _settlements(result, label)
                inside = {ts: cells for ts, cells in page.items() if first <= ts <= newest}
                if not inside:
                    break
                _merge(found, inside, label)
                newest = min(inside) - 1
        self._progress(f"{label}: {len(found)} settlements")
        return _table(found, "funding")

    def _asker(self, symbol: str, kind: Kind, interval: str, strays: Found, label: str) -> Callable[[int, int], Found]:
        """Return what asks for [start, end) once: rows inside are returned, closed ones outside put with `strays`."""
        step = STORED_MS[interval]

        def ask(start_ms: int, end_ms: int) -> Found:
            result = self._client.ask(
                _METHOD[kind],
                symbol=symbol,
                interval=WIRE_INTERVAL[interval],
                start=start_ms,
                end=end_ms - step,
                limit=BARS_A_PAGE,
            )
            page = _bars(result, kind, label)
            inside: Found = {}
            for ts, cells in page.items():
                if start_ms <= ts < end_ms:
                    inside[ts] = cells
                elif ts + step <= self._now_ms:  # an open bar is nobody's price yet
                    _merge(strays, {ts: cells}, label)
            return inside

        return ask


def page_name(symbol: str, kind: Kind, interval: str) -> str:
    """Return the folder in which pages of one series are kept."""
    return f"{symbol}/{kind}-{interval}"


def _windows(start_ms: int, end_ms: int, width_ms: int) -> Iterator[tuple[int, int]]:
    """Yield [start, end) cut at multiples of `width_ms` since the epoch: the same pages whatever the range."""
    while start_ms < end_ms:
        cut = min(end_ms, (start_ms // width_ms + 1) * width_ms)
        yield start_ms, cut
        start_ms = cut


def _complete(ask: Callable[[int, int], Found], span: tuple[int, int], step: int, label: str) -> Found:
    """Return the rows of `span`, asking again for those that did not come while asking helps."""
    found = ask(*span)
    for _ in range(ROUNDS_MAX):
        missing = _missing(found, span, step)
        before = len(found)
        for start, end in missing:
            _merge(found, ask(start, end), label)
        if len(found) == before:
            break
    return found


def _missing(found: Found, span: tuple[int, int], step: int) -> list[tuple[int, int]]:
    """Return the runs [start, end) of `span` without rows."""
    edges = [span[0] - step, *sorted(found), span[1]]
    return [(a + step, b) for a, b in pairwise(edges) if b - a > step]


def _bars(result: Mapping[str, Any], kind: Kind, label: str) -> Found:
    width = len(COLUMNS[kind])
    if result.get("symbol") not in {None, label.split(" ", 1)[0]}:
        raise DataError(f"{label}: the venue answered for {result['symbol']!r}; try again later")
    found: Found = {}
    for row in _rows(result, label):
        if not isinstance(row, list) or len(row) < width:
            raise DataError(f"{label}: the venue's row {row!r} has not the {width} columns of a {kind}")
        _merge(found, {_whole(row[0], row, label): tuple(_number(cell, row, label) for cell in row[1:width])}, label)
    return found


def _settlements(result: Mapping[str, Any], label: str) -> Found:
    found: Found = {}
    for row in _rows(result, label):
        if not isinstance(row, dict) or not {"fundingRate", "fundingRateTimestamp"} <= set(row):
            raise DataError(f"{label}: the venue's row {row!r} has no fundingRate and fundingRateTimestamp")
        ts = _whole(row["fundingRateTimestamp"], row, label)
        _merge(found, {ts: (_number(row["fundingRate"], row, label),)}, label)
    return found


def _rows(result: Mapping[str, Any], label: str) -> list[Any]:
    rows = result.get("list")
    if not isinstance(rows, list):
        raise DataError(f"{label}: the venue's answer has no list of rows; try again later")
    return rows


def _whole(cell: object, row: object, label: str) -> int:
    text = str(cell)
    if not text.isascii() or not text.isdigit():
        raise DataError(f"{label}: the venue's row {row!r} begins with {cell!r}, which is no stamp in milliseconds")
    return int(text)


def _number(cell: object, row: object, label: str) -> float:
    try:
        return float(str(cell))
    except ValueError as error:
        raise DataError(f"{label}: the venue's row {row!r} holds {cell!r}, which is no number") from error


def _merge(found: Found, more: Mapping[int, Cells], label: str) -> None:
    for ts, cells in more.items():
        if found.setdefault(ts, cells) != cells:
            raise DataError(
                f"{label} ts {ts} ({iso(ts)}): the venue gave {found[ts]} and then {cells} for one row. Neither is "
                "taken: find out which is right, and run again"
            )


def _compare(kept: Found, again: Found, label: str) -> None:
    """Refuse to go on from pages that the venue would not give today."""
    for ts, cells in again.items():
        if kept.get(ts, cells) != cells:
            raise DataError(
                f"{label} ts {ts} ({iso(ts)}): {kept[ts]} was downloaded before, the venue says {cells} now: it "
                "revised its history. Nothing was written; pass --fresh to forget the pages of the first run"
            )


def _check_strays(table: Rows, strays: Found, kind: Kind, label: str) -> None:
    """Refuse when a row that came unasked says something else than the one that was asked for."""
    if strays:
        _merge(_found(table, kind), strays, label)


def _found(rows: Rows, kind: Kind) -> Found:
    columns = [rows[name].tolist() for name in COLUMNS[kind][1:]]
    return {int(ts): tuple(cells) for ts, *cells in zip(rows["ts"].tolist(), *columns, strict=True)}


def _table(found: Found, kind: Kind) -> Rows:
    order = sorted(found)
    cells = np.array([found[ts] for ts in order], dtype=np.float64).reshape(len(order), len(COLUMNS[kind]) - 1)
    table: Rows = {"ts": np.array(order, dtype=np.int64)}
    return table | {name: cells[:, i].copy() for i, name in enumerate(COLUMNS[kind][1:])}
