"""From whole tables of rows to a lock and the blobs it names: cutting at the splits, hashing, writing.

Bytes are written before the lock that names them, so that a lock never promises what is not there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from autarch.canonical import sha256_hex
from autarch.errors import DataError
from autarch.market.columns import Table, encode, rows_between
from autarch.market.lock_check import check_lock
from autarch.market.lock_toml import lock_toml
from autarch.market.lock_types import (
    SPLITS,
    Block,
    Costs,
    DatasetLock,
    Epoch,
    Gap,
    InstrumentEntry,
    Kind,
    ScheduleEntry,
    Series,
    Splits,
)
from autarch.market.schedule import derive_schedule
from autarch.market.stores import Stores
from autarch.market.types import Ints, Split

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
WHOLE_DAYS_FROM = 30  # days of data from which split boundaries are whole UTC days


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSeries:
    """One series whole, before it is cut at the splits. `interval` is None for funding."""

    venue: str
    symbol: str
    kind: Kind
    interval: str | None
    table: Table

    @property
    def label(self) -> str:
        """Name for messages: `BTCUSDT kline 15m`."""
        return " ".join(part for part in (self.symbol, self.kind, self.interval) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A lock and the bytes it names, nothing written yet."""

    lock: DatasetLock
    blobs: tuple[tuple[Split, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that a data set is made of."""

    name: str
    origin: str
    raws: tuple[RawSeries, ...]
    splits: Splits
    instruments: tuple[InstrumentEntry, ...]
    gaps: tuple[Gap, ...] = ()
    epoch: Epoch = field(default_factory=Epoch)
    costs: Costs = field(default_factory=Costs)


def split_spans(start_ms: int, end_ms: int, *, shares: tuple[int, int, int], interval_ms: int) -> Splits:
    """Return [start, end) cut in three by `shares` percent.

    The two inner boundaries are moved down to a whole UTC day, or, below 30 days of data, to a whole
    hour or bar: every interval then divides a split without a partial bar at its edge.

    Raises:
        DataError: shares that are not three positive numbers adding up to 100, or a split without a bar.
    """
    if len(shares) != len(SPLITS) or min(shares) <= 0 or sum(shares) != 100:
        raise DataError(f"splits {list(shares)}: give three positive percentages that add up to 100, such as 60,25,15")
    unit = DAY_MS if end_ms - start_ms >= WHOLE_DAYS_FROM * DAY_MS else max(HOUR_MS, interval_ms)
    cuts = [(start_ms + (end_ms - start_ms) * share // 100) // unit * unit for share in (shares[0], 100 - shares[2])]
    edges = (start_ms, *cuts, end_ms)
    if any(edges[i + 1] - edges[i] < interval_ms for i in range(3)):
        raise DataError(
            f"{(end_ms - start_ms) // interval_ms} bars cut at {list(cuts)} leave an empty split; import a longer range"
        )
    return Splits(train=(edges[0], edges[1]), holdout=(edges[1], edges[2]), forward=(edges[2], edges[3]))


def build(recipe: Recipe) -> Built:
    """Return the lock and blobs of validated rows; rows outside the splits are left out.

    Raises:
        DataError: stamps of a funding series that no schedule explains, or a lock that contradicts itself.
    """
    blobs: list[tuple[Split, bytes]] = []
    raws = recipe.raws
    lock = DatasetLock(
        schema=1,
        name=recipe.name,
        origin=recipe.origin,
        intervals=tuple(dict.fromkeys(r.interval for r in raws if r.kind == "kline" and r.interval is not None)),
        splits=recipe.splits,
        epoch=recipe.epoch,
        costs=recipe.costs,
        series=tuple(_cut(raw, recipe.splits, blobs) for raw in raws),
        instruments=recipe.instruments,
        funding_schedule=tuple(
            entry for symbol in dict.fromkeys(r.symbol for r in raws) for entry in _schedule(recipe, symbol)
        ),
        gaps=recipe.gaps,
    )
    check_lock(lock)
    return Built(lock=lock, blobs=tuple(blobs))


def write_blobs(built: Built, stores: Stores) -> None:
    """Write every blob of `built`; ones already there are kept.

    Raises:
        DataError: a store cannot be written.
    """
    for split, content in built.blobs:
        stores.write(split, content)


def write_lock(lock: DatasetLock, path: Path) -> None:
    """Write `lock` to `path` whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(lock_toml(lock))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _cut(raw: RawSeries, splits: Splits, blobs: list[tuple[Split, bytes]]) -> Series:
    blocks: dict[Split, Block] = {}
    stamps: list[Ints] = []
    for split in SPLITS:
        table = rows_between(raw.table, *splits.span(split))
        content = encode(table, kind=raw.kind)
        blobs.append((split, content))
        stamps.append(table["ts"].astype(np.int64))
        blocks[split] = Block(rows=int(table["ts"].size), sha256=sha256_hex(content))
    inside = np.concatenate(stamps)
    if inside.size == 0:
        raise DataError(f"{raw.label}: no row lies inside the splits; import a range that covers it")
    return Series(
        venue=raw.venue,
        symbol=raw.symbol,
        kind=raw.kind,
        interval=raw.interval,
        first_ms=int(inside[0]),
        last_ms=int(inside[-1]),
        **blocks,
    )


def _schedule(recipe: Recipe, symbol: str) -> list[ScheduleEntry]:
    """Return the schedule of `symbol` from all its settlements, those outside the splits included."""
    entries: list[ScheduleEntry] = []
    halts = [(gap.from_ms, gap.to_ms) for gap in recipe.gaps if gap.symbol == symbol]
    for raw in recipe.raws:
        if raw.symbol == symbol and raw.kind == "funding":
            stamps = raw.table["ts"].astype(np.int64)
            entries += [
                ScheduleEntry(symbol=symbol, from_ms=entry.from_ms, interval_min=entry.interval_min)
                for entry in derive_schedule(stamps, label=raw.label, halts=halts)
            ]
    return entries
