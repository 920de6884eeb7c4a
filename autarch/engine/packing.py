"""A market's series as the contiguous, writable arrays that compiled code takes.

Always one layout: a read-only or strided array would be a new type to numba and compile the kernel again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autarch.errors import DataError
from autarch.market.types import Bools, Floats, Ints, Market, SymbolSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedBars:
    """Bars of several symbols, each array (n_symbols, n_bars)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    turnover: Floats
    traded: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedFunding:
    """Funding stamps of several symbols one after another; symbol j's are offsets[j] to offsets[j + 1]."""

    ts: Ints
    rate: Floats
    mark: Floats
    offsets: Ints


def stacked_bars(series: Sequence[SymbolSeries]) -> StackedBars:
    """Return the bars of `series`, in order; a single symbol's are not copied."""
    return StackedBars(
        open=_stacked([s.open for s in series]),
        high=_stacked([s.high for s in series]),
        low=_stacked([s.low for s in series]),
        close=_stacked([s.close for s in series]),
        turnover=_stacked([s.turnover for s in series]),
        traded=np.stack([s.traded for s in series]),
    )


def stacked_funding(market: Market, series: Sequence[SymbolSeries]) -> StackedFunding:
    """Return every settlement with the mark price it is reckoned at.

    Raises:
        DataError: a symbol's stamps do not ascend.
    """
    for s in series:
        if s.funding_ms.size > 1 and not (np.diff(s.funding_ms) > 0).all():
            raise DataError(f"{s.symbol}: funding stamps do not ascend; verify the data set")
    counts = [int(s.funding_ms.size) for s in series]
    return StackedFunding(
        ts=np.concatenate([np.asarray(s.funding_ms, dtype=np.int64) for s in series]),
        rate=np.concatenate([np.asarray(s.funding_rate, dtype=np.float64) for s in series]),
        mark=np.concatenate([marks_at(market, s, s.funding_ms) for s in series]),
        offsets=np.cumsum([0, *counts], dtype=np.int64),
    )


def marks_at(market: Market, series: SymbolSeries, stamps: Ints) -> Floats:
    """Return the mark price (k,) at each stamp: the newest mark close known by then, else the last close.

    A bar's close is known at its end. NaN where neither exists, which is before any position can.
    """
    closed = np.searchsorted(market.ts + market.interval_ms, stamps, side="right") - 1
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
    """Return `array` as contiguous, writable float64, itself when it is that already."""
    return np.require(array, np.float64, ["C", "W", "A"])


def _stacked(arrays: Sequence[Floats]) -> Floats:
    if len(arrays) == 1:
        return floats(arrays[0])[np.newaxis, :]
    return np.stack(arrays)
