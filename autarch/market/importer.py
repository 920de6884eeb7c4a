"""From a tree of Parquet files to a recipe: every row checked, the range aligned, nothing written yet.

The tree is `<symbol>/kline-<interval>[.part].parquet`, `<symbol>/mark-<interval>.parquet`,
`<symbol>/funding-*.parquet` and `instruments.toml`. The range is the union over the symbols; one that
starts later is listed later, one that ends early must say why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS, SYMBOL
from autarch.market.build import RawSeries, Recipe, split_spans
from autarch.market.columns import COLUMNS, Table, rows_between
from autarch.market.import_instruments import parse_instant, read_instruments
from autarch.market.lock_types import Gap, InstrumentEntry, Kind
from autarch.market.parquet import mark_intervals, read_parts
from autarch.market.schedule import MINUTE_MS, derive_schedule, minutes_to_settlement
from autarch.market.validate import MS_MAX, Part, check_gaps_are_empty, check_holes, iso

_INSTANT = r"\d{9,}|\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?)?(?:Z|[+-]\d\d:\d\d)?"
_GAP = re.compile(rf"(?P<symbol>\w+):(?P<start>{_INSTANT}):(?P<end>{_INSTANT}):(?P<reason>.*\S.*)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import. `start_ms` and `end_ms` cut the range, None leaves it whole."""

    source: Path
    name: str
    venue: str
    symbols: tuple[str, ...]
    intervals: tuple[str, ...]
    shares: tuple[int, int, int]
    gaps: tuple[Gap, ...] = ()
    instruments: Path | None = None
    start_ms: int | None = None
    end_ms: int | None = None

    @property
    def span(self) -> tuple[int, int]:
        """[start, end) of what may be imported."""
        return (self.start_ms or 0, MS_MAX if self.end_ms is None else self.end_ms)


def parse_gap(text: str) -> Gap:
    """Return the gap in `SYMBOL:FROM:TO:REASON`; instants are epoch milliseconds or ISO text with its own colons.

    Raises:
        DataError: another shape, or an instant that is none.
    """
    found = _GAP.match(text)
    if found is not None:
        from_ms, to_ms = parse_instant(found["start"]), parse_instant(found["end"])
        if from_ms < to_ms:
            return Gap(symbol=found["symbol"], from_ms=from_ms, to_ms=to_ms, reason=found["reason"].strip())
    raise DataError(
        f"gap {text!r}: write SYMBOL:FROM:TO:REASON with FROM before TO, such as "
        "BTCUSDT:2024-01-31T12:00:2024-01-31T14:00:exchange maintenance"
    )


def import_recipe(request: ImportRequest, *, now_ms: int, progress: Callable[[str], None] | None = None) -> Recipe:
    """Return the recipe of the data set that `request` describes; reads files, writes none.

    `progress` is told one line a symbol.

    Raises:
        DataError: any fault of `validate`, a missing file, series that do not cover one another, or
            instruments that are not what they should be; the text names file, row and ts.
    """
    _check_request(request)
    instruments = read_instruments(request.instruments or request.source / "instruments.toml", request.symbols)
    klines: dict[str, tuple[RawSeries, ...]] = {}
    for symbol in request.symbols:
        klines[symbol] = _klines(request, symbol, now_ms)
        if progress is not None:
            progress(f"{symbol}: {sum(raw.table['ts'].size for raw in klines[symbol])} bars checked")
    raws = [raw for found in klines.values() for raw in found]
    start_ms = min(int(raw.table["ts"][0]) for raw in raws)
    end_ms = max(_end_ms(raw) for raw in raws)
    _check_ends(raws, end_ms, request.gaps, instruments)
    ordered: list[RawSeries] = []
    for symbol, found in klines.items():
        ordered += [*found, *_marks(request, symbol, found, now_ms), _funding(request, symbol, found, now_ms)]
    finest = min(INTERVAL_MS[interval] for interval in request.intervals)
    return Recipe(
        name=request.name,
        origin=f"{request.venue} bars imported from Parquet files",
        raws=tuple(ordered),
        splits=split_spans(start_ms, end_ms, shares=request.shares, interval_ms=finest),
        instruments=instruments,
        gaps=tuple(sorted(request.gaps, key=lambda gap: (gap.symbol, gap.from_ms))),
    )


def _check_request(request: ImportRequest) -> None:
    if not request.source.is_dir():
        raise DataError(f"no folder {request.source}; name the folder that holds one folder a symbol")
    if not request.symbols or len(set(request.symbols)) != len(request.symbols):
        raise DataError(f"symbols {list(request.symbols)}: name at least one, and each once")
    for symbol in request.symbols:
        if not SYMBOL.match(symbol):
            raise DataError(f"symbol {symbol!r} is not a USDT perpetual such as 'BTCUSDT'")
        if not (request.source / symbol).is_dir():
            found = sorted(p.name for p in request.source.iterdir() if p.is_dir())
            raise DataError(f"{request.source} has no folder {symbol}; it has {', '.join(found) or 'none'}")
    for interval in request.intervals:
        if interval not in INTERVAL_MS:
            raise DataError(f"interval {interval!r} is not one of {', '.join(INTERVAL_MS)}")
    strangers = [gap.symbol for gap in request.gaps if gap.symbol not in request.symbols]
    if strangers:
        raise DataError(f"a gap is declared for {strangers[0]}, which is not imported; remove it")


def _klines(request: ImportRequest, symbol: str, now_ms: int) -> tuple[RawSeries, ...]:
    found: list[RawSeries] = []
    for interval in request.intervals:
        parts = read_parts(request.source / symbol, kind="kline", interval=interval, now_ms=now_ms)
        if not parts:
            have = sorted(p.name for p in (request.source / symbol).glob("kline-*.parquet"))
            raise DataError(
                f"{request.source / symbol} has no kline-{interval}.parquet; it has {', '.join(have) or 'none'}"
            )
        check_gaps_are_empty(parts, request.gaps, symbol=symbol)
        check_holes(parts, request.gaps, symbol=symbol, span=request.span)
        found.append(_raw(request, symbol, parts, interval))
    return tuple(found)


def _marks(request: ImportRequest, symbol: str, klines: Sequence[RawSeries], now_ms: int) -> tuple[RawSeries, ...]:
    """Return the mark series; none is allowed, one that ends before the bars do is not: it would go stale."""
    found: list[RawSeries] = []
    end_ms = max(_end_ms(raw) for raw in klines)
    for interval in mark_intervals(request.source / symbol):
        parts = read_parts(request.source / symbol, kind="mark", interval=interval, now_ms=now_ms)
        check_holes(parts, request.gaps, symbol=symbol, span=request.span)
        raw = _raw(request, symbol, parts, interval)
        last = int(raw.table["ts"][-1])
        if end_ms - _end_ms(raw) >= INTERVAL_MS[interval]:
            raise DataError(
                f"{parts[-1].file} ends at ts {last} ({iso(last)}), the bars of {symbol} at {iso(end_ms)}: "
                f"fetch the rest, or cut with --end {iso(_end_ms(raw))[:-1]}"
            )
        found.append(raw)
    return tuple(found)


def _funding(request: ImportRequest, symbol: str, klines: Sequence[RawSeries], now_ms: int) -> RawSeries:
    """Return the funding series, which must hold every settlement between the first open and the last close."""
    parts = read_parts(request.source / symbol, kind="funding", interval=None, now_ms=now_ms)
    if not parts:
        raise DataError(
            f"{request.source / symbol} has no funding-*.parquet; a perpetual pays funding: fetch it, "
            "a backtest without it would be wrong"
        )
    stamps = np.concatenate([part.ts for part in parts])
    start_ms = min(int(raw.table["ts"][0]) for raw in klines)
    end_ms = max(_end_ms(raw) for raw in klines)
    halts = [(gap.from_ms, gap.to_ms) for gap in request.gaps if gap.symbol == symbol]
    schedule = derive_schedule(stamps, label=parts[0].file, halts=halts)
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
    return RawSeries(venue=request.venue, symbol=symbol, kind="funding", interval=None, table=table)


def _raw(request: ImportRequest, symbol: str, parts: Sequence[Part], interval: str) -> RawSeries:
    """Join the parts of a kline or mark series and cut them to whole bars inside the requested range."""
    kind = parts[0].kind
    start_ms, end_ms = request.span
    table = rows_between(_joined(parts, kind), start_ms, end_ms - INTERVAL_MS[interval] + 1)
    if table["ts"].size == 0:
        raise DataError(f"{parts[0].file} has no {kind} rows between --start and --end; widen the range")
    return RawSeries(venue=request.venue, symbol=symbol, kind=kind, interval=interval, table=table)


def _joined(parts: Sequence[Part], kind: Kind) -> Table:
    joined: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([part.table[name] for part in parts]) for name in COLUMNS[kind]
    }
    return joined


def _end_ms(raw: RawSeries) -> int:
    return int(raw.table["ts"][-1]) + INTERVAL_MS[raw.interval or ""]


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
