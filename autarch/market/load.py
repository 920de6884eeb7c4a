"""From a lock and its stores to one split of bars on a dense grid, every byte verified on the way.

Each split stands alone: nothing is read from another split's store, so the first bars of one know no
funding rate and no mark price of the one before. The holdout is opened by naming it, nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.columns import decode
from autarch.market.grid import Grid, coarsen, fill_flat, place
from autarch.market.lock_types import SPLITS, STORED_MS, DatasetLock, Series
from autarch.market.stores import Stores
from autarch.market.types import Bools, Floats, FundingSchedule, Ints, Market, Split, SymbolSeries
from autarch.market.validate import MS_MAX, Part, check_part


def load_market(lock: DatasetLock, *, split: Split, symbols: Sequence[str], interval: str, stores: Stores) -> Market:
    """Return one split of `lock` for `symbols`, in that order, at `interval`.

    The grid is the whole split whichever symbols are asked for, so that row numbers mean the same bar
    everywhere. An interval the lock does not store is made of the finest stored one that divides it:
    epoch-aligned, from full buckets only.

    Raises:
        DataError: an unknown split, symbol or interval, a split without bars of a symbol, bytes that
            are missing or not what the lock says, a row that no venue could have written (`validate`),
            or a hole that the lock does not declare.
    """
    if split not in SPLITS:
        raise DataError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    if interval not in INTERVAL_MS:
        raise DataError(f"interval {interval!r} is not one of {', '.join(INTERVAL_MS)}")
    if not symbols or len(set(symbols)) != len(symbols):
        raise DataError(f"symbols {list(symbols)}: name at least one, and each once")
    instruments = tuple(lock.instrument(symbol) for symbol in symbols)
    start_ms, end_ms = lock.splits.span(split)
    grid = Grid.covering(start_ms, end_ms, INTERVAL_MS[interval])
    if grid.n_bars == 0:
        raise DataError(f"split {split} of {lock.name} is shorter than one {interval} bar")
    reader = _Reader(lock, split, stores)
    return Market(
        dataset=lock.name,
        dataset_digest=lock.digest,
        split=split,
        interval=interval,
        interval_ms=grid.step_ms,
        ts=grid.ts,
        series=tuple(_symbol_series(reader, symbol, grid) for symbol in symbols),
        instruments=instruments,
    )


class _Reader:
    """Reads blocks of one split of one lock."""

    def __init__(self, lock: DatasetLock, split: Split, stores: Stores) -> None:
        self.lock = lock
        self.split: Split = split
        self.stores = stores
        self.span = lock.splits.span(split)

    def table(self, series: Series) -> dict[str, NDArray[np.generic]]:
        """Return the rows of `series` in this split, verified against the lock and each believable by itself."""
        block = series.block(self.split)
        label = f"{self.lock.name} {series.label} {self.split}"
        content = self.stores.read(self.split, block.sha256, label=label)
        table = decode(content, kind=series.kind, rows=block.rows)
        stamps = table["ts"]
        if stamps.size and not (self.span[0] <= stamps[0] and stamps[-1] < self.span[1]):
            raise DataError(f"{label}: rows from {stamps[0]} to {stamps[-1]} lie outside the split {list(self.span)}")
        if stamps.size:
            # A digest proves that these are the lock's bytes, not that whoever made the lock looked at them.
            step_ms = None if series.interval is None else INTERVAL_MS[series.interval]
            check_part(Part(file=label, kind=series.kind, interval_ms=step_ms, table=table), now_ms=MS_MAX)
        return table


def _symbol_series(reader: _Reader, symbol: str, grid: Grid) -> SymbolSeries:
    series = _source_series(reader.lock, symbol, grid)
    base = Grid.covering(*reader.span, INTERVAL_MS[series.interval or ""])
    table = reader.table(series)
    columns, present = place(table, base, label=f"{reader.lock.name} {series.label}")
    _check_holes(reader, series, base, present)
    columns, traded = coarsen(columns, present, base, grid)
    if not traded.any():
        raise DataError(
            f"{symbol} has no bars in {reader.split} of {reader.lock.name}; ask for another symbol or split"
        )
    fill_flat(columns, traded)
    funding = [reader.table(s) for s in reader.lock.series_of(symbol, "funding")]
    mark_ms, mark_close = _mark(reader, symbol)
    return SymbolSeries(
        symbol=symbol,
        **columns,
        turnover=columns["volume"] * (columns["high"] + columns["low"] + columns["close"]) / 3,
        traded=traded,
        first_row=int(np.argmax(traded)),
        funding_ms=_ints(funding[0]["ts"]),
        funding_rate=_floats(funding[0]["rate"]),
        mark_ms=mark_ms,
        mark_close=mark_close,
        funding_schedule=_schedule_within(reader.lock.schedule(symbol), *reader.span),
    )


def _source_series(lock: DatasetLock, symbol: str, grid: Grid) -> Series:
    stored = lock.series_of(symbol, "kline")
    steps = [INTERVAL_MS[s.interval or ""] for s in stored]
    dividing = [series for series, step in zip(stored, steps, strict=True) if grid.step_ms % step == 0]
    exact = [series for series, step in zip(stored, steps, strict=True) if step == grid.step_ms]
    for series in (*exact, *dividing):
        return series
    raise DataError(
        f"{lock.name} stores {symbol} at {', '.join(s.interval or '' for s in stored)}, none of which divides "
        f"{grid.step_ms // 60_000} minutes; import a finer interval"
    )


def _check_holes(reader: _Reader, series: Series, base: Grid, present: Bools) -> None:
    """Refuse an absent row inside the series' own range that no declared gap covers."""
    ts = base.ts
    excused = present | (ts < series.first_ms) | (ts > series.last_ms)
    for gap in reader.lock.gaps:
        if gap.symbol == series.symbol:
            excused |= (ts < gap.to_ms) & (ts + base.step_ms > gap.from_ms)
    if not excused.all():
        row = int(np.argmin(excused))
        raise DataError(
            f"{reader.lock.name} {series.label} {reader.split}: no bar at ts {ts[row]} and no declared gap there; "
            "import the data set again, declaring the gap"
        )


def _mark(reader: _Reader, symbol: str) -> tuple[Ints, Floats]:
    """Return when each mark close was known and its value, of the finest mark series; empty without one."""
    stored = reader.lock.series_of(symbol, "mark")
    if not stored:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    table = reader.table(stored[0])
    return _ints(table["ts"]) + STORED_MS[stored[0].interval or ""], _floats(table["close"])


def _schedule_within(schedule: tuple[FundingSchedule, ...], start_ms: int, end_ms: int) -> tuple[FundingSchedule, ...]:
    """Return the entries in force at some instant of [start_ms, end_ms]; at least the first."""
    ends = [later.from_ms for _, later in pairwise(schedule)] + [end_ms + 1]
    kept = [e for e, end in zip(schedule, ends, strict=True) if end > start_ms and e.from_ms <= end_ms]
    return tuple(kept) or schedule[:1]


def _ints(column: NDArray[np.generic]) -> Ints:
    return column.astype(np.int64)


def _floats(column: NDArray[np.generic]) -> Floats:
    return column.astype(np.float64)
