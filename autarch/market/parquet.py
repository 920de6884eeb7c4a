"""Read the Parquet files of one symbol's folder: `kline-<interval>[.part].parquet`, `mark-…`, `funding-…`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.columns import COLUMNS
from autarch.market.lock_types import Kind
from autarch.market.validate import Part, check_joins, check_part

IGNORED = ("turnover",)  # computed from volume and prices, whatever the source claims
FILE_BYTES_MAX = 4_000_000_000


def read_parts(folder: Path, *, kind: Kind, interval: str | None, now_ms: int) -> tuple[Part, ...]:
    """Return the checked files of one series in `folder`, in order of time; empty when there is none.

    A funding file's name is a label: its interval is not believed, so every `funding-*` file counts.

    Raises:
        DataError: unreadable, wrong columns or types, or a row that `validate` refuses.
    """
    stem = f"{kind}-" if interval is None else f"{kind}-{interval}."
    files = sorted(f for f in folder.iterdir() if f.name.startswith(stem) and f.suffix == ".parquet")
    parts = [_read(file, kind=kind, interval_ms=None if interval is None else INTERVAL_MS[interval]) for file in files]
    for part in parts:
        check_part(part, now_ms=now_ms)
    parts.sort(key=lambda part: int(part.ts[0]))
    check_joins(parts)
    return tuple(parts)


def mark_intervals(folder: Path) -> tuple[str, ...]:
    """Return the intervals for which `folder` has mark prices, finest first."""
    found = {file.name.split("-", 1)[1].split(".", 1)[0] for file in folder.glob("mark-*.parquet")}
    unknown = sorted(found - set(INTERVAL_MS))
    if unknown:
        raise DataError(f"{folder}: mark-{unknown[0]}.parquet: the interval is not one of {', '.join(INTERVAL_MS)}")
    return tuple(interval for interval in INTERVAL_MS if interval in found)


def _read(file: Path, *, kind: Kind, interval_ms: int | None) -> Part:
    if file.stat().st_size > FILE_BYTES_MAX:
        raise DataError(
            f"{file} has {file.stat().st_size} bytes; at most {FILE_BYTES_MAX} are read: split it into parts"
        )
    try:
        found = pq.read_table(file, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} is not a Parquet file that can be read: {error}") from error
    wanted = COLUMNS[kind]
    extra = [name for name in found.column_names if name not in wanted + IGNORED]
    missing = [name for name in wanted if name not in found.column_names]
    if extra or missing or len(set(found.column_names)) != len(found.column_names):
        raise DataError(
            f"{file} has columns {', '.join(found.column_names)}; a {kind} file has {', '.join(wanted)}"
            f"{' and may have turnover' if kind == 'kline' else ''}"
        )
    return Part(
        file=str(file), kind=kind, interval_ms=interval_ms, table={name: _column(file, found, name) for name in wanted}
    )


def _column(file: Path, found: pa.Table, name: str) -> NDArray[np.generic]:
    column = found.column(name).combine_chunks()
    expected = pa.int64() if name == "ts" else pa.float64()
    if column.type != expected:
        raise DataError(f"{file}: column {name} is {column.type}; expected {expected}")
    if column.null_count:
        row = column.is_null().index(pa.scalar(True)).as_py()
        ts = found.column("ts")[row].as_py()
        raise DataError(f"{file} row {row}, ts {ts}: {name} is null; correct the file at its source and import again")
    values: NDArray[np.generic] = column.to_numpy(zero_copy_only=False)
    return values
