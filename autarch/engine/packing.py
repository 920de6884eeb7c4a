"""A market's symbols as the kernel reads them: bars by address, funding, listing and delisting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autarch.engine.believable import check_series
from autarch.engine.tape import N_COLUMNS, N_DEPTH, Tape
from autarch.errors import DataError
from autarch.market.types import Bools, Floats, Instrument, Ints, Market, SymbolSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A tape and the arrays its addresses point to, which must live as long."""

    tape: Tape
    arrays: tuple[Floats, ...]


def pack(market: Market, places: Sequence[int], *, clocks: Sequence[int] | None = None) -> Packed:
    """Return the symbols at `places` of the market, in that order; bars are not copied.

    Args:
        market: One split.
        places: Indices into its series; a symbol may not come twice.
        clocks: How many of the market's bars make one bar of whoever trades each symbol; 1 by default.

    Raises:
        DataError: a symbol's funding stamps do not ascend, or `check_series`.
    """
    chosen = [(market.series[i], market.instruments[i]) for i in places]
    for series, _ in chosen:
        check_series(series)
    factors = list(clocks or [1] * len(chosen))
    depths = [_depth(market, s, factor) for (s, _), factor in zip(chosen, factors, strict=True)]
    arrays = tuple(
        np.ascontiguousarray(column, dtype=np.float64)
        for (s, _), depth in zip(chosen, depths, strict=True)
        for column in (s.open, s.high, s.low, s.close, depth)
    )
    stamps = [paid_stamps(s, instrument) for s, instrument in chosen]
    tape = Tape(
        n_bars=market.n_bars,
        first_ms=int(market.ts[0]),
        interval_ms=market.interval_ms,
        columns=np.array([a.ctypes.data for a in arrays], dtype=np.int64).reshape(-1, N_COLUMNS),
        traded=_stacked([listed_rows(market, s, instrument) for s, instrument in chosen], np.bool_),
        depth=np.array([(f, _lead(market, f)) for f in factors], dtype=np.int64).reshape(-1, N_DEPTH),
        settled=np.array([settled_row(market, instrument) for _, instrument in chosen], dtype=np.int64),
        stamps=np.concatenate([s.funding_ms[:k].astype(np.int64) for (s, _), k in zip(chosen, stamps, strict=True)]),
        rates=np.concatenate([s.funding_rate[:k].astype(np.float64) for (s, _), k in zip(chosen, stamps, strict=True)]),
        marks=np.concatenate([marks_at(market, s, s.funding_ms[:k]) for (s, _), k in zip(chosen, stamps, strict=True)]),
        offsets=np.cumsum([0, *stamps], dtype=np.int64),
    )
    return Packed(tape=tape, arrays=arrays)


def marks_at(market: Market, series: SymbolSeries, stamps: Ints) -> Floats:
    """Return the mark price (k,) at each stamp: the newest mark close known by then, else the last close.

    A bar's close is known at its end. NaN where neither exists, which is before any position can.
    """
    closed = np.minimum((stamps - market.ts[0]) // market.interval_ms, market.n_bars) - 1
    last = np.where(closed >= 0, series.close[np.maximum(closed, 0)], np.nan)
    known = np.searchsorted(series.mark_ms, stamps, side="right") - 1
    if series.mark_ms.size == 0:
        return last
    return np.where(known >= 0, series.mark_close[np.maximum(known, 0)], last)


def stacked_tiers(tables: Sequence[Floats]) -> Floats:
    """Return risk limits as (n_symbols, n_tiers, 3); a shorter table repeats its last tier."""
    rows = max(table.shape[0] for table in tables)
    return np.stack([np.concatenate([t, np.repeat(t[-1:], rows - t.shape[0], axis=0)]) for t in tables])


def floats(array: Floats) -> Floats:
    """Return `array` as contiguous, writable float64, itself when it is that already.

    Always one layout: a read-only or strided array would be a new type to numba and compile the kernel again.
    """
    return np.require(array, np.float64, ["C", "W", "A"])


def coarse_rows(market: Market, factor: int) -> tuple[int, int]:
    """Return the row at which the first whole bar of `factor` of the market's begins, and how many such bars there are.

    Bars of every interval are aligned to the epoch.
    """
    lead = _lead(market, factor)
    return lead, max(0, (market.n_bars - lead) // factor)


def _lead(market: Market, factor: int) -> int:
    return int(-(market.ts[0] // market.interval_ms) % factor)


def _depth(market: Market, series: SymbolSeries, factor: int) -> Floats:
    """Return turnover by the bars of whoever trades: a bar that lacks a row has none, as when it is loaded."""
    if factor == 1:
        return series.turnover
    lead, count = coarse_rows(market, factor)

    def whole(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return array[lead : lead + count * factor].reshape(count, factor)

    price = whole(series.high).max(axis=1) + whole(series.low).min(axis=1) + whole(series.close)[:, -1]
    volume = whole(series.volume).sum(axis=1)
    turnover: Floats = np.where(whole(series.traded).all(axis=1), volume * price / 3.0, 0.0)
    return turnover


def listed_rows(market: Market, series: SymbolSeries, instrument: Instrument) -> Bools:
    """Return the rows in which an order may fill: traded ones that open within the listing."""
    listed, delisted = instrument.listed_ms, instrument.delisted_ms
    if (listed is None or listed <= market.ts[0]) and (delisted is None or delisted > market.ts[-1]):
        return series.traded
    opens_listed = np.ones(market.n_bars, dtype=np.bool_) if listed is None else market.ts >= listed
    return series.traded & opens_listed & (True if delisted is None else market.ts < delisted)


def settled_row(market: Market, instrument: Instrument) -> int:
    """Return the last row that opens before the delisting, n_bars when that is not within the market."""
    if instrument.delisted_ms is None:
        return market.n_bars
    row = int((instrument.delisted_ms - market.ts[0] - 1) // market.interval_ms)
    return row if 0 <= row < market.n_bars else market.n_bars


def paid_stamps(series: SymbolSeries, instrument: Instrument) -> int:
    """Return how many of the series' stamps there are before the delisting."""
    if series.funding_ms.size > 1 and not (np.diff(series.funding_ms) > 0).all():
        raise DataError(f"{series.symbol}: funding stamps do not ascend; verify the data set")
    if instrument.delisted_ms is None:
        return int(series.funding_ms.size)
    return int(np.searchsorted(series.funding_ms, instrument.delisted_ms, side="left"))


def _stacked(arrays: Sequence[Bools], dtype: type[np.bool_]) -> Bools:
    if len(arrays) == 1:
        return np.require(arrays[0], dtype, ["C", "W", "A"])[np.newaxis, :]
    return np.stack(arrays)
