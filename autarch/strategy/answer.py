"""Is an answer of `decide` one that can be acted on? Checked, never clipped."""

from __future__ import annotations

from typing import Literal

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
    if not isinstance(targets, Targets):
        raise StrategyError(
            f"decide() returned {type(targets).__name__}; return Targets(exposure=...) from autarch.strategy"
        )
    shape = (n_rows,) if mode == "each" else (n_rows, n_symbols)
    exposure = _full("exposure", targets.exposure, shape)
    stop = _distance("stop_loss", targets.stop_loss, shape)
    take = _distance("take_profit", targets.take_profit, shape)
    columns = (n_rows, n_symbols)
    arrays = (exposure.reshape(columns), stop.reshape(columns), take.reshape(columns))
    check_values(*arrays, mode=mode, max_leverage=max_leverage, counts_from=counts_from)
    return arrays


def check_values(  # noqa: PLR0913  three arrays and their bounds
    exposure: Floats,
    stop_loss: Floats,
    take_profit: Floats,
    *,
    mode: Literal["each", "panel"],
    max_leverage: float,
    counts_from: int,
) -> None:
    """Check three (n_rows, n_symbols) arrays, as whoever receives them from a worker does again.

    Raises:
        StrategyError: on a row from `counts_from` on, exposure is NaN, infinite or beyond the
            leverage, or a distance is neither NaN nor in (0, 1); the text names the first such row.
    """
    size = np.abs(exposure[counts_from:])
    total = size.sum(axis=1, keepdims=True) if mode == "panel" else size
    within = total <= max_leverage + LEVERAGE_TOLERANCE  # NaN is not
    if not within.all():
        _refuse_exposure(exposure, total, within, mode=mode, max_leverage=max_leverage, counts_from=counts_from)
    for name, distance in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        counting = distance[counts_from:]
        text = "a fraction of the entry price in (0, 1), or NaN for none"
        _refuse_first(name, distance, (counting <= 0.0) | (counting >= 1.0), counts_from, text)


def _refuse_exposure(  # noqa: PLR0913  what was found, and the bounds it is beyond
    exposure: Floats,
    total: Floats,
    within: NDArray[np.bool_],
    *,
    mode: Literal["each", "panel"],
    max_leverage: float,
    counts_from: int,
) -> None:
    infinite = ~np.isfinite(exposure[counts_from:])
    _refuse_first("exposure", exposure, infinite, counts_from, "a finite number; write 0.0 where there is no opinion")
    if mode == "panel":
        text = f"at most max_leverage = {max_leverage:g} over all symbols; scale the row down"
        whole = np.concatenate((np.zeros((counts_from, 1)), total))
        _refuse_first("the sum of |exposure|", whole, ~within, counts_from, text)
    text = f"at most max_leverage = {max_leverage:g} either way; clip it in decide() or raise max_leverage"
    _refuse_first("exposure", exposure, ~within, counts_from, text)


def _full(name: str, values: object, shape: tuple[int, ...]) -> Floats:
    array = _numeric(name, values, shape)
    if array.shape != shape:
        raise StrategyError(
            f"{name} has shape {array.shape}, expected {shape}: one value for each bar given{_per(shape)}"
        )
    return array


def _distance(name: str, values: object, shape: tuple[int, ...]) -> Floats:
    if values is None:
        return np.full(shape, np.nan)
    array = _numeric(name, values, shape)
    if array.ndim == 0:
        return np.full(shape, float(array))
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
    return np.array(array, dtype=np.float64, order="C", copy=True)


def _per(shape: tuple[int, ...]) -> str:
    return " and symbol" if len(shape) > 1 else ""


def _refuse_first(name: str, values: Floats, wrong: NDArray[np.bool_], counts_from: int, expected: str) -> None:
    """Raise for the first row of `wrong`, whose row 0 is row `counts_from` of `values`."""
    if not wrong.any():
        return
    rows, columns = np.nonzero(wrong)
    row, column = int(rows[0]) + counts_from, int(columns[0])
    where = f"row {row} of {values.shape[0]}" + (f", column {column}" if values.shape[1] > 1 else "")
    found = float(values[row, column])
    raise StrategyError(
        f"{name} is {found!r} in {where} (the first row that counts is {counts_from}); expected {expected}"
    )
