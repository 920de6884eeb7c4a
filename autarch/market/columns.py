"""Canonical bytes of a series: its columns one after another, little-endian, in one stated order.

kline: ts int64 ms (bar open), then open, high, low, close, volume as float64.
mark: ts int64 ms (bar open), then open, high, low, close. funding: ts int64 ms (settlement), then rate.
Turnover is not stored: it is volume * (high + low + close) / 3 in every source.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.market.lock_types import Kind

Table = Mapping[str, NDArray[np.generic]]
"""Columns by name, equally long: `ts` int64, the rest float64."""

COLUMNS: dict[Kind, tuple[str, ...]] = {
    "kline": ("ts", "open", "high", "low", "close", "volume"),
    "mark": ("ts", "open", "high", "low", "close"),
    "funding": ("ts", "rate"),
}
WIDTH = 8  # bytes of every cell


def encode(table: Table, *, kind: Kind) -> bytes:
    """Return the canonical bytes of `table`, of rows x columns x 8 bytes; -0.0 becomes 0.0."""
    amounts = [np.asarray(table[name], dtype=np.float64) + 0.0 for name in COLUMNS[kind][1:]]
    return np.asarray(table["ts"], dtype="<i8").tobytes() + b"".join(a.astype("<f8").tobytes() for a in amounts)


def decode(content: bytes, *, kind: Kind, rows: int) -> dict[str, NDArray[np.generic]]:
    """Return the columns in `content` as read-only views.

    Raises:
        DataError: the length is not that of `rows` rows.
    """
    names = COLUMNS[kind]
    if len(content) != rows * len(names) * WIDTH:
        raise DataError(
            f"{len(content)} bytes of {kind}; {rows} rows of {len(names)} columns need {rows * len(names) * WIDTH}"
        )
    table: dict[str, NDArray[np.generic]] = {}
    for position, name in enumerate(names):
        dtype = "<i8" if name == "ts" else "<f8"
        table[name] = np.frombuffer(content, dtype=dtype, count=rows, offset=position * rows * WIDTH)
    return table


def rows_between(table: Table, start_ms: int, end_ms: int) -> dict[str, NDArray[np.generic]]:
    """Return the rows with start_ms <= ts < end_ms of a table sorted by ts."""
    low, high = np.searchsorted(table["ts"], [start_ms, end_ms])
    return {name: column[low:high] for name, column in table.items()}
