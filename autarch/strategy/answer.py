"""Is an answer of `decide` one that can be acted on? Checked, never clipped."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autarch.errors import StrategyError
from autarch.strategy.contract import Targets

Floats = NDArray[np.float64]

LEVERAGE_TOLERANCE = 1e-9
"""How far |exposure| may exceed `max_leverage`: rounding, not intent."""


def check_targets(  # noqa: PLR0913  the manifest's facts, by name, since the manifest is a layer above
    targets: object,
    *,
    n_rows: int,
    n_symbols: int,
    mode: Literal["each", "panel"],
    max_leverage: float,
    counts_from: int,
) -> tuple[Floats, Floats, Floats]:
    """Return exposure, stop_loss and take_profit as (n_rows, n_symbols) float64, absent distances NaN.

    Args:
        targets: What `decide` returned.
        n_rows: Bars of the window it was given.
        n_symbols: Columns; 1 in `each` mode, where an answer has shape (n_rows,).
        mode: The manifest's.
        max_leverage: Bound of |exposure|; in `panel` mode of its sum over a row.
        counts_from: First row whose values are used; earlier ones may hold anything.

    Raises:
        StrategyError: not `Targets`, a wrong shape or type, or as `check_values`.
    """
    shape = (n_rows,) if mode == "each" else (n_rows, n_symbols)
    found = shaped_targets(targets, shape)
    arrays = tuple(np.array(np.broadcast_to(np.nan if a is None else a, shape)) for a in found)
    exposure, stop, take = (array.reshape(n_rows, n_symbols) for array in arrays)
    check_values(exposure, stop, take, mode=mode, max_leverage=max_leverage, counts_from=counts_from)
    return exposure, stop, take


def shaped_targets(
    targets: object, shape: tuple[int, ...]
) -> tuple[Floats, Floats | float | None, Floats | float | None]:
    """Return exposure as float64 of `shape`, and each distance as that, as one number, or None; values unchecked.

    Raises:
        StrategyError: not `Targets`, or a wrong shape or type.
    """
    if not isinstance(targets, Targets):
        raise StrategyError(
            f"decide() returned {type(targets).__name__}; return Targets(exposure=...) from autarch.strategy"
        )
    exposure = _full("exposure", targets.exposure, shape)
    return (
        exposure,
        _distance("stop_loss", targets.stop_loss, shape),
        _distance("take_profit", targets.take_profit, shape),
    )


def is_within(
    exposure: Floats,
    stop_loss: Floats | None,
    take_profit: Floats | None,
    *,
    mode: Literal["each", "panel"],
    max_leverage: float,
) -> bool:
    """Return whether every value of many answers is one that `check_values` lets pass.

    Args:
        exposure: (..., n_symbols), any number of rows together.
        stop_loss: Of the same shape; None for none.
        take_profit: Likewise.
        mode: The manifest's.
        max_leverage: As in `check_targets`.
    """
    bound = max_leverage + LEVERAGE_TOLERANCE
    if exposure.size == 1 and stop_loss is None is take_profit:  # one number needs no loop in another language
        return abs(exposure.item()) <= bound
    if mode == "panel":
        fits = bool((np.abs(exposure).sum(axis=-1) <= bound).all())  # NaN is not
    else:
        fits = bool(exposure.max() <= bound and exposure.min() >= -bound)
    given = [distance for distance in (stop_loss, take_profit) if distance is not None]
    return fits and not any(((distance <= 0.0) | (distance >= 1.0)).any() for distance in given)


def check_values(  # noqa: PLR0913  three arrays and their bounds
    exposure: Floats,
    stop_loss: Floats | None,
    take_profit: Floats | None,
    *,
    mode: Literal["each", "panel"],
    max_leverage: float,
    counts_from: int,
    rows_before: int = 0,
) -> None:
    """Check three (n_rows, n_symbols) arrays, as whoever receives them from a worker does again.

    A distance may be None. `rows_before` is the number of rows of the window that are not in the arrays,
    so that the text numbers rows as `decide` saw them.

    Raises:
        StrategyError: on a row from `counts_from` on, exposure is NaN, infinite or beyond the
            leverage, or a distance is neither NaN nor in (0, 1); the text names the first such row.
    """
    size = np.abs(exposure[counts_from:])
    total = size.sum(axis=1, keepdims=True) if mode == "panel" else size
    within = total <= max_leverage + LEVERAGE_TOLERANCE  # NaN is not
    rows = _Rows(counts_from, rows_before)
    if not within.all():
        _refuse_exposure(exposure, total, within, mode=mode, max_leverage=max_leverage, rows=rows)
    for name, distance in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        if distance is not None:
            counting = distance[counts_from:]
            text = "a fraction of the entry price in (0, 1), or NaN for none"
            _refuse_first(name, distance, (counting <= 0.0) | (counting >= 1.0), rows, text)


class _Rows(NamedTuple):
    """Rows of an array that count, and rows of the window before the array begins."""

    counts_from: int
    before: int


def _refuse_exposure(  # noqa: PLR0913  what was found, and the bounds it is beyond
    exposure: Floats,
    total: Floats,
    within: NDArray[np.bool_],
    *,
    mode: Literal["each", "panel"],
    max_leverage: float,
    rows: _Rows,
) -> None:
    infinite = ~np.isfinite(exposure[rows.counts_from :])
    _refuse_first("exposure", exposure, infinite, rows, "a finite number; write 0.0 where there is no opinion")
    if mode == "panel":
        text = f"at most max_leverage = {max_leverage:g} over all symbols; scale the row down"
        whole = np.concatenate((np.zeros((rows.counts_from, 1)), total))
        _refuse_first("the sum of |exposure|", whole, ~within, rows, text)
    text = f"at most max_leverage = {max_leverage:g} either way; clip it in decide() or raise max_leverage"
    _refuse_first("exposure", exposure, ~within, rows, text)


def _full(name: str, values: object, shape: tuple[int, ...]) -> Floats:
    array = _numeric(name, values, shape)
    if array.shape != shape:
        raise StrategyError(
            f"{name} has shape {array.shape}, expected {shape}: one value for each bar given{_per(shape)}"
        )
    return array


def _distance(name: str, values: object, shape: tuple[int, ...]) -> Floats | float | None:
    if values is None:
        return None
    array = _numeric(name, values, shape)
    if array.ndim == 0:
        return float(array)
    if array.shape != shape:
        raise StrategyError(f"{name} has shape {array.shape}, expected a scalar or {shape}")
    return array


def _numeric(name: str, values: object, shape: tuple[int, ...]) -> Floats:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise StrategyError(
            f"{name} is not an array of numbers ({error}); expected float64 of shape {shape}"
        ) from error
    if array.dtype.kind not in "fiub":
        raise StrategyError(
            f"{name} is {type(values).__name__} of dtype {array.dtype}; expected float64 of shape {shape}"
        )
    return array.astype(np.float64, copy=False)


def _per(shape: tuple[int, ...]) -> str:
    return " and symbol" if len(shape) > 1 else ""


def _refuse_first(name: str, values: Floats, wrong: NDArray[np.bool_], span: _Rows, expected: str) -> None:
    """Raise for the first row of `wrong`, whose row 0 is row `span.counts_from` of `values`."""
    if not wrong.any():
        return
    rows, columns = np.nonzero(wrong)
    row, column = int(rows[0]) + span.counts_from, int(columns[0])
    place = f"row {row + span.before} of {values.shape[0] + span.before}"
    where = place + (f", column {column}" if values.shape[1] > 1 else "")
    found = float(values[row, column])
    raise StrategyError(
        f"{name} is {found!r} in {where} (the first row that counts is {span.counts_from + span.before}); "
        f"expected {expected}"
    )
