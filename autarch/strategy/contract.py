"""What a strategy is given and what it answers: `Bars` and `Params` in, `Targets` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autarch.strategy.resample import DAY_MS, Resampled, resample_columns

Floats = NDArray[np.float64]

COLUMNS = ("open", "high", "low", "close", "volume", "turnover", "funding", "minutes_to_funding")
"""Columns of one symbol: (n_bars,), in a panel (n_bars, n_symbols)."""
CALENDAR = ("hour", "weekday")
"""Columns of the clock: always (n_bars,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Bars:
    """Closed bars, oldest first, as read-only float64 arrays that own their memory.

    In `each` mode every column is (n_bars,); in `panel` mode all but `hour` and `weekday` are
    (n_bars, n_symbols), columns in the manifest's order. The calendar columns speak of the bar's
    close, the moment of decision (UTC, Monday 0). `turnover` is volume * (high + low + close) / 3.
    `funding` is the newest rate settled strictly before the close, NaN before the first. There
    are no dates: bars know their place within a day and no more.
    """

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
    context: Mapping[str, Bars] = field(default_factory=lambda: MappingProxyType({}))
    _n_bars: int
    _interval_ms: int
    _phase: int

    @classmethod
    def build(
        cls,
        columns: Mapping[str, ArrayLike],
        *,
        first_bar: int,
        interval_ms: int,
        context: Mapping[str, Bars] | None = None,
    ) -> Bars:
        """Return bars holding copies of `columns`.

        Args:
            columns: Every name of `COLUMNS` and `CALENDAR`; all of one length and, but for the
                calendar, of one shape.
            first_bar: Number of the first bar since the epoch (ts // interval_ms). Only its place
                within the day is kept, so that no date can be read back.
            interval_ms: Length of a bar; divides a day.
            context: Bars of symbols that are read and not traded, by symbol.

        Raises:
            ValueError: a column is missing, unknown or of another shape: the caller's bug.
        """
        expected = (*COLUMNS, *CALENDAR)
        if set(columns) != set(expected):
            raise ValueError(f"found columns {sorted(columns)}, expected {sorted(expected)}")
        if interval_ms <= 0 or DAY_MS % interval_ms:
            raise ValueError(f"interval_ms is {interval_ms}; expected a divisor of a day, {DAY_MS}")
        arrays = {name: _owned(columns[name]) for name in expected}
        shape = arrays["close"].shape
        for name, array in arrays.items():
            wanted = shape[:1] if name in CALENDAR else shape
            if array.shape != wanted:
                raise ValueError(f"column {name} has shape {array.shape}, expected {wanted}")
        return cls(
            **arrays,
            context=MappingProxyType(dict(context or {})),
            _n_bars=shape[0],
            _interval_ms=interval_ms,
            _phase=first_bar % (DAY_MS // interval_ms),
        )

    @classmethod
    def of_named(
        cls,
        columns: Mapping[str, Floats],
        *,
        n_bars: int,
        first_bar: int,
        interval_ms: int,
        context: Mapping[str, Bars],
    ) -> Bars:
        """Return bars that hold these very arrays, for a strategy that names no other column.

        Args:
            columns: Arrays that are read-only and own their memory, shaped as in `build`.
            n_bars: Their length, also when there is none.
            first_bar: As in `build`.
            interval_ms: As in `build`.
            context: As in `build`.
        """
        bars = object.__new__(cls)
        put = object.__setattr__
        for name, array in columns.items():
            put(bars, name, array)
        put(bars, "context", context)
        put(bars, "_n_bars", n_bars)
        put(bars, "_interval_ms", interval_ms)
        put(bars, "_phase", first_bar % (DAY_MS // interval_ms))
        return bars

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse what is no attribute, or a column that was not sent, in words."""
        if name in COLUMNS or name in CALENDAR:
            raise AttributeError(f"column {name} was not sent, since strategy.py does not spell it: write bars.{name}")
        raise AttributeError(f"bars have no {name!r}; there are: {', '.join((*COLUMNS, *CALENDAR))}, context, resample")

    def __len__(self) -> int:
        """Return the number of bars."""
        return self._n_bars

    def resample(self, interval: str) -> Resampled:
        """Return the whole bars of a longer interval, such as `bars.resample("4h")`.

        Buckets are aligned to the epoch (UTC midnight); a bucket cut off at either end is dropped.
        Open is the first, high the maximum, low the minimum, volume and turnover the sum, all else
        the last of the bucket. `.spread(x)` brings a column of higher bars back to these bars.

        Raises:
            ValueError: `interval` is not a multiple of the bars' own that divides a day.
        """
        columns = {name: getattr(self, name) for name in (*COLUMNS, *CALENDAR)}
        return resample_columns(columns, interval=interval, interval_ms=self._interval_ms, phase=self._phase)


def _owned(values: ArrayLike) -> Floats:
    array = np.array(values, dtype=np.float64, order="C", copy=True)
    array.setflags(write=False)
    return array


class Params:
    """The manifest's parameters as read-only attributes: `p.fast`."""

    def __init__(self, values: Mapping[str, bool | int | float]) -> None:
        self.__dict__.update(values)  # plain attributes: a strategy reads them for every window

    def __getattr__(self, name: str) -> Any:
        """Say which parameters there are; Any, since a manifest decides whether one is int, float or bool."""
        known = ", ".join(self.__dict__) or "none"
        raise AttributeError(f"no parameter {name!r}; [params] of manifest.toml has: {known}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"parameter {name!r} is read-only; assign to a local name instead")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"parameter {name!r} is read-only")


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a strategy wants after each bar has closed.

    Args:
        exposure: Full shape, (n_bars,) or in a panel (n_bars, n_symbols): the wanted position as a
            fraction of equity, negative for short. Zero is flat.
        stop_loss: Distance from the entry price in (0, 1), or NaN for none: scalar or full shape.
        take_profit: Likewise.
    """

    exposure: ArrayLike
    stop_loss: ArrayLike | None = None
    take_profit: ArrayLike | None = None
