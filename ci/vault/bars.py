"""Hidden bars as a market: each unbroken run of bars that ends hidden, with enough of train before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from autarch.manifest import Manifest
from autarch.market.load import load_market
from autarch.market.lock_types import SPLITS, DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Market, Split, SymbolSeries

HIDDEN: frozenset[Split] = frozenset({"holdout", "forward"})
_PER_BAR = ("open", "high", "low", "close", "volume", "turnover", "traded")
_STAMPED = ("funding_ms", "funding_rate", "mark_ms", "mark_close")


def hidden_runs(
    stores: Stores, lock: DatasetLock, *manifests: Manifest, splits: Collection[Split] = HIDDEN
) -> list[tuple[Market, int]]:
    """Return each unbroken run of bars that ends in one of `splits`, and its first row that lies in one.

    As much of what comes before is in front as a decision of any of `manifests` there sees.

    Args:
        stores: Where the bars are.
        lock: The data set.
        manifests: Of one interval and the same symbols; contexts may differ.
        splits: Hidden splits that are asked about.

    Raises:
        DataError: bars are missing or changed.
    """
    symbols = tuple(dict.fromkeys((*manifests[0].symbols, *(name for one in manifests for name in one.context))))
    interval_ms = manifests[0].interval_ms
    runs: list[list[Market]] = []
    for split in SPLITS:
        start, end = lock.splits.span(split)
        if end - start < interval_ms:
            continue
        market = load_market(lock, split=split, symbols=symbols, interval=manifests[0].interval, stores=stores)
        if runs and runs[-1][-1].ts[-1] + interval_ms == market.ts[0]:
            runs[-1].append(market)
        else:
            runs.append([market])
    keep = max(one.warmup + 2 * one.block for one in manifests)
    cut = [_until(run, splits) for run in runs]
    return [_joined(run, keep, splits) for run in cut if run]


def rows_until(market: Market, end_ms: int) -> Market:
    """Return the bars of `market` that have closed by `end_ms`, and what was settled or marked before it."""
    rows = int(np.searchsorted(market.ts, end_ms - market.interval_ms, side="right"))
    return dataclasses.replace(
        market, ts=market.ts[:rows], series=tuple(_cut(series, rows, end_ms) for series in market.series)
    )


def _cut(series: SymbolSeries, rows: int, end_ms: int) -> SymbolSeries:
    bars: dict[str, Any] = {name: getattr(series, name)[:rows] for name in _PER_BAR}
    funded, marked = (int(np.searchsorted(stamps, end_ms)) for stamps in (series.funding_ms, series.mark_ms))
    return dataclasses.replace(
        series,
        **bars,
        first_row=int(np.argmax(bars["traded"])),
        funding_ms=series.funding_ms[:funded],
        funding_rate=series.funding_rate[:funded],
        mark_ms=series.mark_ms[:marked],
        mark_close=series.mark_close[:marked],
    )


def _until(run: Sequence[Market], splits: Collection[Split]) -> list[Market]:
    """Return the run up to its last part that is asked about; empty where none is."""
    last = max((place for place, market in enumerate(run) if market.split in splits), default=-1)
    return list(run[: last + 1])


def _joined(run: Sequence[Market], keep: int, splits: Collection[Split]) -> tuple[Market, int]:
    """Return one market of the run's bars, the last `keep` before the first asked about, and that row."""
    first = next(place for place, market in enumerate(run) if market.split in splits)
    seen = sum(market.n_bars for market in run[:first])
    skip = max(0, seen - keep)
    ts = np.concatenate([market.ts for market in run])[skip:]
    series = tuple(_chained([market.series[i] for market in run], skip) for i in range(len(run[0].series)))
    return dataclasses.replace(run[-1], ts=ts, series=series), seen - skip


def _chained(parts: Sequence[SymbolSeries], skip: int) -> SymbolSeries:
    bars: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts])[skip:] for name in _PER_BAR}
    stamped: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _STAMPED}
    schedule = tuple(dict.fromkeys(entry for part in parts for entry in part.funding_schedule))
    return dataclasses.replace(
        parts[-1],
        **bars,
        **stamped,
        first_row=int(np.argmax(bars["traded"])),
        funding_schedule=tuple(sorted(schedule, key=lambda entry: entry.from_ms)),
    )
