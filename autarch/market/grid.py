"""The dense grid of bars: placing rows on it, making coarser bars, filling holes flat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.market.types import Bools, Floats, Ints

FIELDS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Bars [first_ms + i * step_ms, + step_ms) for i < n_bars; first_ms is a multiple of step_ms."""

    first_ms: int
    step_ms: int
    n_bars: int

    @classmethod
    def covering(cls, start_ms: int, end_ms: int, step_ms: int) -> Grid:
        """Return the epoch-aligned bars that lie whole in [start_ms, end_ms)."""
        first = -(-start_ms // step_ms)
        return cls(first_ms=first * step_ms, step_ms=step_ms, n_bars=max(0, end_ms // step_ms - first))

    @property
    def ts(self) -> Ints:
        """Opens of all bars, (n_bars,)."""
        return self.first_ms + self.step_ms * np.arange(self.n_bars, dtype=np.int64)


def place(table: Mapping[str, NDArray[np.generic]], grid: Grid, *, label: str) -> tuple[dict[str, Floats], Bools]:
    """Return the OHLCV columns of `table` on `grid`, NaN where absent, and which rows are present.

    Rows of `table` before the grid's first bar or after its last are left out: a split that does not
    begin on the grid has a partial bar at its edge.

    Raises:
        DataError: a stamp off the grid, twice or out of order.
    """
    stamps = table["ts"].astype(np.int64)
    rows, rest = np.divmod(stamps - grid.first_ms, grid.step_ms)
    if rest.any() or (np.diff(rows) <= 0).any():
        raise DataError(f"{label}: stamps are off the grid, repeated or out of order; import the data set again")
    inside = (rows >= 0) & (rows < grid.n_bars)
    columns: dict[str, Floats] = {}
    for name in FIELDS:
        column = np.full(grid.n_bars, np.nan)
        column[rows[inside]] = table[name][inside]
        columns[name] = column
    present = np.zeros(grid.n_bars, dtype=np.bool_)
    present[rows[inside]] = True
    return columns, present


def coarsen(columns: dict[str, Floats], present: Bools, base: Grid, grid: Grid) -> tuple[dict[str, Floats], Bools]:
    """Return bars of `grid` made of those of `base`, whose step divides its own; a bar lacking a row is absent.

    Open first, high max, low min, close last, volume the sum.
    """
    if base == grid:
        return columns, present
    factor = grid.step_ms // base.step_ms
    offset = (grid.first_ms - base.first_ms) // base.step_ms
    rows = slice(offset, offset + factor * grid.n_bars)
    buckets = {name: column[rows].reshape(grid.n_bars, factor) for name, column in columns.items()}
    full = np.logical_and.reduce(present[rows].reshape(grid.n_bars, factor), axis=1)
    made = {
        "open": buckets["open"][:, 0].copy(),
        "high": buckets["high"].max(axis=1),
        "low": buckets["low"].min(axis=1),
        "close": buckets["close"][:, -1].copy(),
        "volume": buckets["volume"].sum(axis=1),
    }
    return made, full


def fill_flat(columns: dict[str, Floats], traded: Bools) -> None:
    """Overwrite rows that did not trade: prices at the last real close (before it, the first real open), volume 0.

    At least one row must have traded.
    """
    first = int(np.argmax(traded))
    newest = np.maximum.accumulate(np.where(traded, np.arange(traded.size), -1))
    flat = np.where(newest >= 0, columns["close"][newest], columns["open"][first])
    for name in ("open", "high", "low", "close"):
        columns[name][~traded] = flat[~traded]
    columns["volume"][~traded] = 0.0
