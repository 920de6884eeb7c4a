"""Longer bars from shorter ones, aligned to the epoch, whole buckets only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DAY_MS = 86_400_000
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": DAY_MS}
_INTERVAL = re.compile(r"([1-9][0-9]{0,3})([mhd])\Z")
_SUMMED = ("volume", "turnover")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Resampled:
    """Whole bars of a longer interval, read-only; columns as in `Bars`, (n_higher,) or a panel's."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    turnover: Floats
    funding: Floats
    minutes_to_funding: Floats
    hour: Floats
    weekday: Floats
    _n_base: int
    _first: int
    _factor: int

    def __len__(self) -> int:
        """Return the number of whole higher bars."""
        return int(self.hour.size)

    def spread(self, x: ArrayLike) -> Floats:
        """Return `x`, one value or row for each higher bar, at base length.

        A value shows from the base bar that completes its higher bar on, until the next one's;
        before the first there is NaN. So it is known at each row it shows on.

        Raises:
            ValueError: `x` has not one value for each higher bar.
        """
        values = np.asarray(x, dtype=np.float64)
        if values.ndim == 0 or values.shape[0] != len(self):
            raise ValueError(f"spread() got shape {values.shape}; expected one value for each of {len(self)} bars")
        out = np.full((self._n_base, *values.shape[1:]), np.nan)
        shown = self._first + self._factor - 1
        if len(self):
            out[shown:] = np.repeat(values, self._factor, axis=0)[: self._n_base - shown]
        return out


def interval_ms_of(interval: str) -> int:
    """Return the length of an interval such as "15m", "4h" or "1d" in milliseconds.

    Raises:
        ValueError: not a number of minutes, hours or days.
    """
    found = _INTERVAL.match(interval)
    if found is None:
        raise ValueError(f'interval {interval!r} is not a number of minutes, hours or days such as "15m", "4h", "1d"')
    return int(found[1]) * _UNIT_MS[found[2]]


def resample_columns(columns: Mapping[str, Floats], *, interval: str, interval_ms: int, phase: int) -> Resampled:
    """Return `columns`, whose rows are bars of `interval_ms`, as bars of `interval`.

    Args:
        columns: Arrays of equal length along axis 0.
        interval: The longer interval; a multiple of `interval_ms` that divides a day, so that
            buckets aligned to the epoch are aligned to every day.
        interval_ms: Length of a base bar.
        phase: Number of the first base bar within its day.

    Raises:
        ValueError: `interval` is no such multiple.
    """
    length = interval_ms_of(interval)
    if length % interval_ms or DAY_MS % length:
        raise ValueError(
            f"resample({interval!r}): expected a multiple of the bars' own {interval_ms // 60_000} minutes "
            "that divides a day"
        )
    factor = length // interval_ms
    n_base = columns["hour"].shape[0]
    first = -phase % factor
    n_whole = max(0, n_base - first) // factor
    higher = {name: _fold(name, array, first, n_whole, factor) for name, array in columns.items()}
    return Resampled(**higher, _n_base=n_base, _first=first, _factor=factor)


def _fold(name: str, column: Floats, first: int, n_whole: int, factor: int) -> Floats:
    parts = column[first : first + n_whole * factor].reshape(n_whole, factor, *column.shape[1:])
    if name == "open":
        folded = parts[:, 0].copy()
    elif name == "high":
        folded = parts.max(axis=1)
    elif name == "low":
        folded = parts.min(axis=1)
    elif name in _SUMMED:
        folded = _sum_in_order(parts)
    else:
        folded = parts[:, -1].copy()
    folded.setflags(write=False)
    return folded


def _sum_in_order(parts: Floats) -> Floats:
    # numpy's own sum pairs terms as the shape suggests; adding bar by bar gives the same bytes
    # whatever the number of buckets in the window.
    total = np.zeros_like(parts[:, 0])
    for bar in range(parts.shape[1]):
        total += parts[:, bar]
    return total
