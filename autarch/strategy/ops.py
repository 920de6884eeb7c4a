"""Compiled causal helpers for strategies: row t of an answer depends on rows up to t alone.

Each takes arrays of any numeric or bool dtype, (n_bars,) or (n_bars, n_symbols), where columns are
independent (but for `rank`), and answers in the same shape. *Memory* is how many earlier rows an
answer may depend on: what a manifest's `warmup` must cover on top of the input's own. Where it is
a state without a limit, two histories agree from the first row on which both set it.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autarch.strategy import kernels, windows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

__all__ = [
    "band",
    "cooldown",
    "crossed",
    "hold",
    "hysteresis",
    "lag",
    "latch",
    "rank",
    "sample",
    "trail",
    "vol_target",
    "zscore",
]


def latch(enter: ArrayLike, exit: ArrayLike) -> Bools:  # noqa: A002  the desk's word
    """Return a state that `enter` sets and `exit` clears; where both are true, it is cleared.

    Starts cleared. NaN counts as false. Memory: back to the last `enter` or `exit`.
    """
    signal = np.asarray(enter)
    return _like(signal, kernels.latch(_flags(signal), _flags(_same(exit, signal))))


def hold(signal: ArrayLike, n: float) -> Bools:
    """Return true on each row where `signal` is true and on the `n` - 1 rows after it.

    NaN counts as false. Memory: `n` - 1 rows.

    Raises:
        ValueError: `n` is not a whole number from 1 on.
    """
    array = np.asarray(signal)
    return _like(array, kernels.hold(_flags(array), _whole(n)))


def cooldown(signal: ArrayLike, n: float) -> Bools:
    """Return `signal` with the `n` rows after each one let through silenced.

    NaN counts as false. Memory: back to the last `n` rows in a row without a signal.

    Raises:
        ValueError: `n` is not a whole number from 1 on.
    """
    array = np.asarray(signal)
    return _like(array, kernels.cooldown(_flags(array), _whole(n)))


def hysteresis(x: ArrayLike, upper: ArrayLike, lower: ArrayLike) -> Bools:
    """Return a state that is set where `x` > `upper` and cleared where `x` < `lower`, kept between.

    Thresholds are scalars or arrays like `x`. Starts cleared; a NaN in any of the three keeps the
    state. Memory: back to the last row outside the two. For shorts ask `hysteresis(-x, ...)`.
    """
    array = np.asarray(x)
    return _like(
        array, kernels.hysteresis(_columns(array), _columns(_same(upper, array)), _columns(_same(lower, array)))
    )


def band(target: ArrayLike, width: ArrayLike) -> Floats:
    """Return `target`, moved only where it lies more than `width` from what is held: fewer, larger trades.

    A target of exactly zero or on the other side is always taken. `width` is a scalar or like
    `target`, in its units. Starts at zero; NaN keeps what is held. Memory: back to the last change
    of side or to flat; let targets reach zero or change side, so that two histories meet.
    """
    array = np.asarray(target)
    return _like(array, kernels.band(_columns(array), _columns(_same(width, array))))


def trail(position: ArrayLike, close: ArrayLike, distance: ArrayLike) -> Floats:
    """Return `position`, put flat once `close` has retreated by `distance` from its best since entry.

    It stays flat until `position` changes side or goes flat. `distance` is a fraction of the best
    close, scalar or like `position`; NaN means no stop on that row. A NaN position counts as flat,
    a NaN close as no news. Memory: back to the entry.
    """
    array = np.asarray(position)
    stops = _columns(_same(distance, array))
    return _like(array, kernels.trail(_columns(array), _columns(_same(close, array)), stops))


def crossed(a: ArrayLike, b: ArrayLike) -> Floats:
    """Return 1.0 on rows where `a` has just risen above `b`, -1.0 where just fallen below, else 0.0.

    Just means that the row before was not yet there. `b` is a scalar or like `a`. A NaN on either
    row gives 0.0. Memory: one row.
    """
    gap = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    out = np.zeros(gap.shape)
    before, now = gap[:-1], gap[1:]
    out[1:] = np.where((now > 0) & (before <= 0), 1.0, np.where((now < 0) & (before >= 0), -1.0, 0.0))
    return out


def lag(x: ArrayLike, n: float) -> Floats:
    """Return `x` as it was `n` rows earlier, NaN on the first `n` rows. Memory: `n` rows.

    Raises:
        ValueError: `n` is not a whole number from 1 on.
    """
    array, rows = np.asarray(x, dtype=np.float64), _whole(n)
    out = np.full(array.shape, np.nan)
    out[rows:] = array[:-rows]
    return out


def sample(x: ArrayLike, when: ArrayLike) -> Floats:
    """Return `x` as it was on the last row on which `when` was true, this one included; NaN before the first.

    `when` is like `x`, or has one flag for each row of it. A NaN in `x` is not taken, in `when` it counts as
    false. Memory: back to the last `when`; with a flag by the clock, such as `bars.hour == 0`, no longer than that
    takes to come round.
    """
    array, flags = np.asarray(x, dtype=np.float64), np.asarray(when)
    if flags.ndim == 1 and array.ndim == 2 and flags.shape == array.shape[:1]:
        flags = np.broadcast_to(flags[:, np.newaxis], array.shape)
    rows = _columns(array)
    taken = _flags(_same(flags, array)) & ~np.isnan(rows)
    last = np.maximum.accumulate(np.where(taken, np.arange(len(rows))[:, np.newaxis], -1), axis=0)
    found = np.take_along_axis(rows, np.maximum(last, 0), axis=0)
    return _like(array, np.where(last < 0, np.nan, found))


def rank(x: ArrayLike) -> Floats:
    """Return the rank of each column within its row: 0.0 the lowest, 1.0 the highest, ties averaged.

    NaN stays NaN and is not ranked; alone in its row, a column gets 0.5. Memory: none.

    Raises:
        ValueError: `x` is not (n_bars, n_symbols): a rank needs rivals.
    """
    array = np.asarray(x)
    if array.ndim != 2:
        raise ValueError(f"rank() got shape {array.shape}; expected (n_bars, n_symbols), as in panel mode")
    return _like(array, kernels.rank(_columns(array)))


def zscore(x: ArrayLike, n: float) -> Floats:
    """Return `x` in population standard deviations from its mean, both over the last `n` rows.

    NaN before row `n` - 1 and where the window holds a NaN; 0.0 where its values are all alike.
    Memory: `n` - 1 rows, to the last bit.

    Raises:
        ValueError: `n` is not a whole number from 2 on.
    """
    array = np.asarray(x)
    rows, n_rows = _columns(array), _whole(n, least=2)
    out = np.full(rows.shape, np.nan)
    with np.errstate(all="ignore"):
        sums, squares = windows.sums_and_squares(rows, n_rows)
        last = rows[n_rows - 1 :]
        # Rounding leaves a mean beside values that are all alike, and tiny squares vanish.
        still = windows.alike(rows, n_rows) | (squares == 0.0)
        out[n_rows - 1 :] = np.where(still, 0.0, (last - sums / n_rows) / np.sqrt(squares / n_rows))
    return _like(array, out)


def vol_target(close: ArrayLike, n: float, target: ArrayLike, cap: float = 1.0) -> Floats:
    """Return the exposure at which a bar is expected to move equity by `target`, at most `cap`.

    `target` / root mean square of the last `n` simple returns of `close`; `target` is a fraction
    a bar (a yearly volatility divided by the root of the bars in a year). `cap` where the price
    did not move. NaN before row `n` and where the window holds a NaN. Memory: `n` rows, to the last bit.
    Source: own choice; the mean return is taken as zero, as is usual for short bars.

    Raises:
        ValueError: `n` is not a whole number from 1 on.
    """
    array = np.asarray(close)
    rows, n_rows = _columns(array), _whole(n)
    out = np.full(rows.shape, np.nan)
    with np.errstate(all="ignore"):
        moves = rows[1:] / rows[:-1] - 1.0
        moved = np.sqrt(windows.sums(moves * moves, n_rows) / n_rows)
        scale = _columns(_same(target, array))[n_rows:] / moved
        out[n_rows:] = np.where(moved == 0.0, cap, np.minimum(scale, cap))
    return _like(array, out)


def _columns(x: NDArray[Any]) -> Floats:
    array = np.ascontiguousarray(x, dtype=np.float64)
    return array.reshape(-1, 1) if x.ndim == 1 else array


def _flags(x: NDArray[Any]) -> Bools:
    array = np.ascontiguousarray(x if x.dtype.kind == "b" else (x != 0) & (x == x))  # noqa: PLR0124  NaN is false
    return array.reshape(-1, 1) if x.ndim == 1 else array


def _same(x: ArrayLike, like: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(x)
    return np.full(like.shape, array) if array.ndim == 0 else _checked(array, like.shape)


def _checked(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.shape != shape:
        raise ValueError(f"found shapes {shape} and {array.shape}; expected one shape, or a scalar for the second")
    return array


def _like(x: NDArray[Any], answer: NDArray[Scalar]) -> NDArray[Scalar]:
    return answer.reshape(x.shape)


def _whole(n: float, *, least: int = 1) -> int:
    if n != int(n) or n < least:
        raise ValueError(f"n is {n}; expected a whole number of rows from {least} on")
    return int(n)
