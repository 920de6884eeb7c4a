"""Do bars read a second time say what the data set says? The first row that does not is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.market.build import RawSeries
from autarch.market.columns import COLUMNS, decode
from autarch.market.lock_types import SPLITS, DatasetLock, InstrumentEntry, Series
from autarch.market.stores import Stores
from autarch.market.validate import iso


def revised_row(old: DatasetLock, raws: Sequence[RawSeries], stores: Stores) -> str | None:
    """Return a sentence for the first row that `old` holds with other numbers than `raws`, None when none is found.

    Rows that only one of both has are no revision. A series whose bytes the stores lack is passed over.
    """
    known = {series.label: series for series in old.series}
    for raw in raws:
        series = known.get(raw.label)
        before = None if series is None else _rows(series, stores)
        if before is None:
            continue
        _, own, new = np.intersect1d(before["ts"], raw.table["ts"], assume_unique=True, return_indices=True)
        names = COLUMNS[raw.kind][1:]
        differs = np.zeros(own.size, dtype=np.bool_)
        for name in names:
            differs |= before[name][own] != np.asarray(raw.table[name], dtype=np.float64)[new]
        if differs.any():
            row = int(np.argmax(differs))
            ts = int(before["ts"][own[row]])
            was = ", ".join(f"{name} {float(before[name][own[row]])!r}" for name in names)
            now = ", ".join(f"{name} {float(raw.table[name][new[row]])!r}" for name in names)
            return f"{raw.label} ts {ts} ({iso(ts)}): {was} in the data set, {now} now"
    return None


def changed_terms(old: Sequence[InstrumentEntry], new: Sequence[InstrumentEntry]) -> tuple[str, ...]:
    """Return one phrase for each instrument value that is not what it was, such as `BTCUSDT tick_size 0.1, now 0.5`."""
    before = {entry.symbol: entry for entry in old}
    found: list[str] = []
    for entry in new:
        for name in entry.__struct_fields__:
            was, now = getattr(before.get(entry.symbol, entry), name), getattr(entry, name)
            if was != now:
                found.append(f"{entry.symbol} {name} {_shown(was)}, now {_shown(now)}")
    return tuple(found)


def _shown(value: object) -> str:
    inner = getattr(value, "value", None)
    return str(value) if inner is None else str(inner)


def _rows(series: Series, stores: Stores) -> dict[str, NDArray[np.generic]] | None:
    tables = []
    for split in SPLITS:
        block = series.block(split)
        try:
            content = stores.read(split, block.sha256, label=series.label)
        except DataError:
            return None
        tables.append(decode(content, kind=series.kind, rows=block.rows))
    return {name: np.concatenate([table[name] for table in tables]) for name in COLUMNS[series.kind]}
