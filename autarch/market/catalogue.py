"""What `autarch data ls` and `verify` say of a data set: ranges, presence, damage, what it can promote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from autarch.errors import DataError
from autarch.market.columns import COLUMNS, WIDTH
from autarch.market.lock import load_lock
from autarch.market.lock_types import SPLITS, DatasetLock
from autarch.market.parts import DAY_MS, looked_until_ms
from autarch.market.stores import Stores
from autarch.market.types import Split
from autarch.stats.lord import level_before_any_success
from autarch.stats.power import sharpe_promotable, sharpe_that_passes

POWER = 0.8  # the odds at which a data set is said to promote a Sharpe ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotable:
    """What the holdout's first test can let through: annual Sharpe ratios, None where no sane one is enough.

    `level` is LORD++'s first, before any success; later tests without one are harder. `sharpe` is the smallest
    true ratio that passes with probability `power`, `sharpe_measured` the smallest measured one that passes.
    """

    days: int
    level: float
    power: float
    sharpe: float | None
    sharpe_measured: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """One split: [start_ms, end_ms), rows of the finest klines over all symbols, blobs found of blobs named."""

    split: Split
    start_ms: int
    end_ms: int
    bars: int
    present: int
    blobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One lock as `data ls` shows it. `error` is set, and nothing else, when the lock does not parse."""

    name: str
    error: str | None = None
    digest: str = ""
    origin: str = ""
    symbols: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    splits: tuple[SplitSummary, ...] = ()
    gaps: int = 0
    assumed: tuple[str, ...] = ()
    without_mark: tuple[str, ...] = ()
    promotable: Promotable | None = None

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch data ls --json`."""
        if self.error is not None:
            return {"name": self.name, "error": self.error}
        return {
            "name": self.name,
            "digest": self.digest,
            "origin": self.origin,
            "symbols": list(self.symbols),
            "intervals": list(self.intervals),
            "splits": {
                s.split: {
                    "start_ms": s.start_ms,
                    "end_ms": s.end_ms,
                    "bars": s.bars,
                    "present": s.present,
                    "blobs": s.blobs,
                }
                for s in self.splits
            },
            "gaps": self.gaps,
            "assumed": list(self.assumed),
            "without_mark": list(self.without_mark),
            "promotable": None if self.promotable is None else asdict(self.promotable),
        }


def summarise(path: Path, stores: Stores) -> Summary:
    """Return what the lock at `path` says and which of its blobs the stores have; bytes are not read."""
    try:
        lock = load_lock(path)
    except DataError as error:
        return Summary(name=path.stem, error=str(error))
    return Summary(
        name=lock.name,
        digest=lock.digest,
        origin=lock.origin,
        symbols=lock.symbols,
        intervals=lock.intervals,
        splits=tuple(_split_summary(lock, split, stores) for split in SPLITS),
        gaps=len(lock.gaps),
        assumed=lock.assumed,
        without_mark=tuple(symbol for symbol in lock.symbols if not lock.series_of(symbol, "mark")),
        promotable=promotable(lock),
    )


def promotable(lock: DatasetLock, *, power: float = POWER) -> Promotable:
    """Return what the first test on the holdout of `lock` can promote, from the days it judges and the epoch's w0."""
    start_ms, end_ms = lock.splits.holdout
    days = (end_ms - looked_until_ms(start_ms, end_ms)) // DAY_MS
    level = level_before_any_success(1, w0=lock.epoch.w0)
    return Promotable(
        days=days,
        level=level,
        power=power,
        sharpe=sharpe_promotable(days, level=level, power=power),
        sharpe_measured=sharpe_that_passes(days, level=level),
    )


def _split_summary(lock: DatasetLock, split: Split, stores: Stores) -> SplitSummary:
    start_ms, end_ms = lock.splits.span(split)
    digests = sorted({series.block(split).sha256 for series in lock.series})
    bars = sum(lock.series_of(symbol, "kline")[0].block(split).rows for symbol in lock.symbols)
    return SplitSummary(
        split=split,
        start_ms=start_ms,
        end_ms=end_ms,
        bars=bars,
        present=sum(stores.has(split, digest) for digest in digests),
        blobs=len(digests),
    )


def find_faults(lock: DatasetLock, stores: Stores, splits: Iterable[Split] = SPLITS) -> tuple[str, ...]:
    """Re-hash every blob of `lock` in `splits` and return one sentence for each that is missing or changed."""
    faults: list[str] = []
    for split in splits:
        for series in lock.series:
            block = series.block(split)
            label = f"{lock.name} {series.label} {split}"
            try:
                content = stores.read(split, block.sha256, label=label)
            except DataError as error:
                faults.append(str(error))
                continue
            if len(content) != block.rows * len(COLUMNS[series.kind]) * WIDTH:
                faults.append(f"{label}: the bytes are not those of {block.rows} rows; correct the lock's rows")
    return tuple(faults)
