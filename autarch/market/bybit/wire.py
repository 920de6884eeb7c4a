"""What the venue's pages say: rows of text to numbers by stamp, and tables of them.

A page is a set of rows: its order means nothing, a row that comes twice alike is one row, and a row that comes
twice with two prices is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autarch.errors import DataError
from autarch.market.bybit.partial import Rows
from autarch.market.columns import COLUMNS
from autarch.market.lock_types import Kind
from autarch.market.validate import iso

STAMP_DIGITS_MAX = 15
Cells = tuple[float, ...]
Found = dict[int, Cells]


def bars_of(result: Mapping[str, Any], kind: Kind, label: str) -> Found:
    """Return the bars of one answer by their open's stamp; DataError for a row that is none."""
    width = len(COLUMNS[kind])
    if result.get("symbol") not in (None, label.split(" ", 1)[0]):
        raise DataError(f"{label}: the venue answered for {result['symbol']!r}; try again later")
    found: Found = {}
    for row in rows_of(result, label):
        if not isinstance(row, list) or len(row) < width:
            raise DataError(f"{label}: the venue's row {row!r} has not the {width} columns of a {kind}")
        merge(found, {_whole(row[0], row, label): tuple(_number(cell, row, label) for cell in row[1:width])}, label)
    return found


def settlements_of(result: Mapping[str, Any], label: str) -> Found:
    """Return the funding rates of one answer by their stamp; DataError for a row that is none."""
    found: Found = {}
    for row in rows_of(result, label):
        if not isinstance(row, dict) or not {"fundingRate", "fundingRateTimestamp"} <= set(row):
            raise DataError(f"{label}: the venue's row {row!r} has no fundingRate and fundingRateTimestamp")
        ts = _whole(row["fundingRateTimestamp"], row, label)
        merge(found, {ts: (_number(row["fundingRate"], row, label),)}, label)
    return found


def rows_of(result: Mapping[str, Any], label: str) -> list[Any]:
    """Return the rows of one answer; DataError when it has no list of them."""
    rows = result.get("list")
    if not isinstance(rows, list):
        raise DataError(f"{label}: the venue's answer has no list of rows; try again later")
    return rows


def _whole(cell: object, row: object, label: str) -> int:
    text = str(cell)
    if not text.isascii() or not text.isdigit() or len(text) > STAMP_DIGITS_MAX:
        raise DataError(f"{label}: the venue's row {row!r} begins with {cell!r}, which is no stamp in milliseconds")
    return int(text)


def _number(cell: object, row: object, label: str) -> float:
    try:
        return float(str(cell).replace("_", "x"))  # Python reads 1_000, nobody else does
    except ValueError as error:
        raise DataError(f"{label}: the venue's row {row!r} holds {cell!r}, which is no number") from error


def merge(found: Found, more: Mapping[int, Cells], label: str) -> None:
    """Add `more` to `found`; DataError when both have a row and not the same one."""
    for ts, cells in more.items():
        if found.setdefault(ts, cells) != cells:
            raise DataError(
                f"{label} ts {ts} ({iso(ts)}): the venue gave {found[ts]} and then {cells} for one row. Neither is "
                "taken: find out which is right, and run again"
            )


def found_of(rows: Rows, kind: Kind) -> Found:
    """Return a table's rows by stamp."""
    columns = [rows[name].tolist() for name in COLUMNS[kind][1:]]
    return {int(ts): tuple(cells) for ts, *cells in zip(rows["ts"].tolist(), *columns, strict=True)}


def table_of(found: Found, kind: Kind) -> Rows:
    """Return rows as a table in ascending order."""
    order = sorted(found)
    cells = np.array([found[ts] for ts in order], dtype=np.float64).reshape(len(order), len(COLUMNS[kind]) - 1)
    table: Rows = {"ts": np.array(order, dtype=np.int64)}
    return table | {name: cells[:, i].copy() for i, name in enumerate(COLUMNS[kind][1:])}
