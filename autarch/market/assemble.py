"""From the series of any source to a recipe: every row checked, the range aligned, nothing written yet.

This is the one way in. Files of any format and the venue's own answers come as `Part`s and meet the same
refusals. The range is the union over the symbols; one that starts later is listed later, one that ends early
must say why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS, SYMBOL
from autarch.market.build import RawSeries, Recipe, split_spans
from autarch.market.columns import COLUMNS, Table, rows_between
from autarch.market.lock_types import STORED_MS, Gap, InstrumentEntry, Kind
from autarch.market.schedule import MINUTE_MS, derive_schedule, minutes_to_settlement
from autarch.market.validate import MS_MAX, Part, check_gaps_are_empty, check_holes, check_joins, check_part, iso

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a data set is to hold. `start_ms` and `end_ms` cut the range, None leaves it whole."""

    name: str
    venue: str
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    shares: tuple[int, int, int]
    gaps: tuple[Gap, ...] = ()
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def span(self) -> tuple[int, int]:
        """[start, end) of what may be taken."""
        return (self.start_ms or 0, MS_MAX if self.end_ms is None else self.end_ms)


class BarSource(Protocol):
    """Where series come from. Parts may come unsorted by file; their rows are judged by `assemble`."""

    @property
    def origin(self) -> str:
        """One line for readers of the lock; asked for after everything has been read."""

    def instruments(self, symbols: tuple[str, ...]) -> tuple[InstrumentEntry, ...]:
        """Return the instruments of `symbols`, in that order."""

    def klines(self, symbol: str, interval: str) -> Sequence[Part]:
        """Return the bars; DataError when there are none."""

    def marks(self, symbol: str) -> Mapping[str, Sequence[Part]]:
        """Return mark prices by interval, finest first; empty when there are none."""

    def funding(self, symbol: str) -> Sequence[Part]:
        """Return settlements; empty when there are none."""

    def missing_funding(self, symbol: str) -> str:
        """Return where funding was looked for, to begin a refusal with."""


def check_terms(terms: Terms) -> None:
    """Raise DataError for a symbol or interval that cannot be meant, or a gap of a stranger."""
    if not terms.symbols or len(set(terms.symbols)) != len(terms.symbols):
        raise DataError(f"symbols {list(terms.symbols)}: name at least one, and each once")
    for symbol in terms.symbols:
        if not SYMBOL.match(symbol):
            raise DataError(f"symbol {symbol!r} is not a USDT perpetual such as 'BTCUSDT'")
    if not terms.intervals or len(set(terms.intervals)) != len(terms.intervals):
        raise DataError(f"intervals {list(terms.intervals)}: name at least one, and each once")
    for interval in terms.intervals:
        if interval not in INTERVAL_MS:
            raise DataError(f"interval {interval!r} is not one of {', '.join(INTERVAL_MS)}")
    if terms.start_ms is not None and terms.end_ms is not None and terms.start_ms >= terms.end_ms:
        raise DataError(f"the range starts at {iso(terms.start_ms)} and ends at {iso(terms.end_ms)}; swap them")
    strangers = [gap.symbol for gap in terms.gaps if gap.symbol not in terms.symbols]
    if strangers:
        raise DataError(f"a gap is declared for {strangers[0]}, which is not imported; remove it")


def assemble(terms: Terms, source: BarSource, *, now_ms: int, progress: Progress | None = None) -> Recipe:
    """Return the recipe of the data set that `terms` ask of `source`.

    `progress` is told one line a symbol.

    Raises:
        DataError: any fault of `validate`, a missing series, series that do not cover one another, or
            instruments that are not what they should be; the text names file, row and ts.
    """
    check_terms(terms)
    job = _Job(terms, source, now_ms)
    instruments = source.instruments(terms.symbols)
    klines: dict[str, tuple[RawSeries, ...]] = {}
    for symbol in terms.symbols:
        klines[symbol] = tuple(_klines(job, symbol, interval) for interval in terms.intervals)
        if progress is not None:
            progress(f"{symbol}: {sum(raw.table['ts'].size for raw in klines[symbol])} bars checked")
    raws = [raw for found in klines.values() for raw in found]
    start_ms = min(int(raw.table["ts"][0]) for raw in raws)
    end_ms = max(_end_ms(raw) for raw in raws)
    _check_ends(raws, end_ms, terms.gaps, instruments)
    ordered: list[RawSeries] = []
    for symbol, found in klines.items():
        funding, shortest_ms = _funding(job, symbol, found)
        ordered += [*found, *_marks(job, symbol, found, shortest_ms), funding]
    finest = min(INTERVAL_MS[interval] for interval in terms.intervals)
    return Recipe(
        name=terms.name,
        origin=source.origin,
        raws=tuple(ordered),
        splits=split_spans(start_ms, end_ms, shares=terms.shares, interval_ms=finest),
        instruments=instruments,
        gaps=tuple(sorted(terms.gaps, key=lambda gap: (gap.symbol, gap.from_ms))),
    )


class _Job(NamedTuple):
    """What every series is read for, from and at."""

    terms: Terms
    source: BarSource
    now_ms: int


def _checked(parts: Sequence[Part], now_ms: int) -> list[Part]:
    """Return `parts` in order of time, each judged, none overlapping another."""
    for part in parts:
        check_part(part, now_ms=now_ms)
    ordered = sorted(parts, key=lambda part: int(part.ts[0]))
    check_joins(ordered)
    return ordered


def _klines(job: _Job, symbol: str, interval: str) -> RawSeries:
    terms = job.terms
    parts = _checked(job.source.klines(symbol, interval), job.now_ms)
    check_gaps_are_empty(parts, terms.gaps, symbol=symbol)
    check_holes(parts, terms.gaps, symbol=symbol, span=terms.span)
    return _raw(terms, symbol, parts, interval)


def _marks(job: _Job, symbol: str, klines: Sequence[RawSeries], shortest_ms: int) -> list[RawSeries]:
    """Return the mark series; none is allowed, one that would be stale at a settlement is not."""
    found: list[RawSeries] = []
    end_ms = max(_end_ms(raw) for raw in klines)
    for interval, unchecked in job.source.marks(symbol).items():
        parts = _checked(unchecked, job.now_ms)
        check_holes(parts, job.terms.gaps, symbol=symbol, span=job.terms.span)
        raw = _raw(job.terms, symbol, parts, interval)
        last = int(raw.table["ts"][-1])
        if end_ms - _end_ms(raw) >= STORED_MS[interval]:
            raise DataError(
                f"{parts[-1].file} ends at ts {last} ({iso(last)}), the bars of {symbol} at {iso(end_ms)}: "
                f"fetch the rest, or cut with --end {iso(_end_ms(raw))[:-1]}"
            )
        if STORED_MS[interval] > shortest_ms:
            raise DataError(
                f"{parts[0].file}: mark prices every {interval}, but {symbol} settles funding every "
                f"{shortest_ms // MINUTE_MS} minutes: fetch finer ones, or leave the file out, then funding is paid on "
                "the last trade's close"
            )
        found.append(raw)
    return found


def _funding(job: _Job, symbol: str, klines: Sequence[RawSeries]) -> tuple[RawSeries, int]:
    """Return the funding series, whole between the first open and the last close, and its shortest interval in ms."""
    unchecked = job.source.funding(symbol)
    if not unchecked:
        raise DataError(
            f"{job.source.missing_funding(symbol)}; a perpetual pays funding and a backtest without it would be wrong. "
            "Fetch it; if the venue charged none on purpose, say so with one row of rate 0 at each settlement"
        )
    parts = _checked(unchecked, job.now_ms)
    stamps = np.concatenate([part.ts for part in parts])
    halts = [(gap.from_ms, gap.to_ms) for gap in job.terms.gaps if gap.symbol == symbol]
    schedule = derive_schedule(stamps, label=parts[0].file, halts=halts)
    start_ms, end_ms = min(int(raw.table["ts"][0]) for raw in klines), max(_end_ms(raw) for raw in klines)
    due = np.array([start_ms, stamps[-1]], dtype=np.int64)
    first_due, next_due = (due + minutes_to_settlement(schedule, due) * MINUTE_MS).astype(np.int64).tolist()
    if stamps[0] > first_due:
        raise DataError(
            f"{parts[0].file} row 0, ts {stamps[0]} ({iso(int(stamps[0]))}): the bars of {symbol} begin at "
            f"{iso(start_ms)} and funding was due at {iso(first_due)}; fetch it, "
            f"or cut with --start {iso(int(stamps[0]))[:-1]}"
        )
    if next_due < end_ms:
        raise DataError(
            f"{parts[-1].file} row {parts[-1].ts.size - 1}, ts {stamps[-1]} ({iso(int(stamps[-1]))}): no funding "
            f"after it, but the bars of {symbol} go to {iso(end_ms)} and the next was due at {iso(next_due)}; "
            f"fetch it, or cut with --end {iso(next_due)[:-1]}"
        )
    table = _joined(parts, "funding")
    raw = RawSeries(venue=job.terms.venue, symbol=symbol, kind="funding", interval=None, table=table)
    return raw, min(entry.interval_min for entry in schedule) * MINUTE_MS


def _raw(terms: Terms, symbol: str, parts: Sequence[Part], interval: str) -> RawSeries:
    """Join the parts of a kline or mark series and cut them to whole bars inside the requested range."""
    kind = parts[0].kind
    start_ms, end_ms = terms.span
    table = rows_between(_joined(parts, kind), start_ms, end_ms - STORED_MS[interval] + 1)
    if table["ts"].size == 0:
        raise DataError(f"{parts[0].file} has no {kind} rows between --start and --end; widen the range")
    return RawSeries(venue=terms.venue, symbol=symbol, kind=kind, interval=interval, table=table)


def _joined(parts: Sequence[Part], kind: Kind) -> Table:
    if len(parts) == 1:
        return parts[0].table
    joined: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([part.table[name] for part in parts]) for name in COLUMNS[kind]
    }
    return joined


def _end_ms(raw: RawSeries) -> int:
    return int(raw.table["ts"][-1]) + STORED_MS[raw.interval or ""]


def _check_ends(
    raws: Sequence[RawSeries], end_ms: int, gaps: Sequence[Gap], instruments: Sequence[InstrumentEntry]
) -> None:
    """Refuse a symbol that stops early without a delisting or a declared gap."""
    delisted = {entry.symbol for entry in instruments if entry.delisted_ms is not None}
    for raw in raws:
        own = _end_ms(raw)
        declared = any(g.symbol == raw.symbol and g.from_ms <= own and g.to_ms >= end_ms for g in gaps)
        if own < end_ms and raw.symbol not in delisted and not declared:
            raise DataError(
                f"{raw.label} ends at {iso(own)}, others at {iso(end_ms)}: cut all with --end {iso(own)[:-1]}, "
                f"or declare it: --declare-gap {raw.symbol}:{own}:{end_ms}:REASON"
            )
