"""What `autarch data ls` and `verify` say of a data set: ranges, presence, damage, what it can promote."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

from autarch.errors import DataError
from autarch.market.columns import COLUMNS, WIDTH
from autarch.market.lock import load_lock
from autarch.market.lock_types import SPLITS, DatasetLock
from autarch.market.stores import Stores
from autarch.market.types import Split

YEAR_MS = 365.25 * 86_400_000
LORD_FIRST = 0.07720838 * math.log(2)  # gamma_1, the weight of the first test: see `sharpe_promotable`


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
    promotable_sharpe: float | None = None

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
            "promotable_sharpe": self.promotable_sharpe,
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
        promotable_sharpe=sharpe_promotable(lock),
    )


def sharpe_promotable(lock: DatasetLock) -> float:
    """Return the annual Sharpe ratio that passes the epoch's first test with even odds.

    Formula: z(alpha_1) / sqrt(years of holdout) for normal daily returns, where alpha_1 = w0 gamma_1 is
    LORD++'s first level (Ramdas et al. 2017, gamma_j = 0.0772 ln(max(j, 2)) / (j exp(sqrt(ln j)))).
    """
    start_ms, end_ms = lock.splits.holdout
    level = lock.epoch.w0 * LORD_FIRST
    return NormalDist().inv_cdf(1 - level) / math.sqrt((end_ms - start_ms) / YEAR_MS)


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
