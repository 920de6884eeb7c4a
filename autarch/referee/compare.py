"""Where the engine and the referee part, if they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from autarch.market.types import Floats
from autarch.referee.result import Refereed, Table

if TYPE_CHECKING:
    from autarch.engine import Backtest

TOLERANCE: Final = 1e-9
"""Largest relative difference of equity, on every bar, that rounding may explain."""

_EQUITY_FLOOR: Final = 1e-3
"""Equity below this part of the capital is compared on its scale: what is left of a ruin is cancellation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The first thing in which the engine and the referee differ.

    Attributes:
        row: Of the market both played.
        symbol: Whose; None for the sleeve's equity.
        what: fills, fill qty, fill price, fill fee, position, exposure or equity.
        engine: The engine's value.
        referee: The referee's.
    """

    row: int
    symbol: str | None
    what: str
    engine: float
    referee: float


def worst_difference(backtest: Backtest, refereed: Refereed) -> float:
    """Return the largest difference of equity over all bars, relative to the engine's (see `_EQUITY_FLOOR`)."""
    return float(_relative(backtest, refereed).max(initial=0.0))


def disagreement(backtest: Backtest, refereed: Refereed) -> Disagreement | None:
    """Return where `backtest` and `refereed` first part, or None where they agree on every bar.

    They agree when fills are equal in number, symbol and signed quantity and their prices, fees, the
    positions and the exposures are within `TOLERANCE`, and so is equity at every close.
    """
    found = [
        _fills(backtest, refereed),
        _positions(backtest, refereed),
        _equity(backtest, refereed),
        _exposure(backtest, refereed),
    ]
    return min((one for one in found if one is not None), key=lambda one: one.row, default=None)


def _fills(backtest: Backtest, refereed: Refereed) -> Disagreement | None:
    engine = backtest.fills[np.lexsort((backtest.fills["seq"], backtest.fills["symbol"], backtest.fills["row"]))]
    other, shared = refereed.fills, min(len(backtest.fills), len(refereed.fills))
    for index in range(shared):
        one, two = engine[index], other[index]
        if (one["row"], one["symbol"]) != (two["row"], two["symbol"]):
            return _count(backtest, engine, other, min(_place(one), _place(two)))
        for name in ("qty", "price", "fee"):
            if not _near(float(one[name]), float(two[name])):
                return _differ(backtest, _place(one), f"fill {name}", float(one[name]), float(two[name]))
    if len(engine) != len(other):
        return _count(backtest, engine, other, _place((engine if len(engine) > shared else other)[shared]))
    return None


def _count(backtest: Backtest, engine: Table, other: Table, place: tuple[int, int]) -> Disagreement:
    row, symbol = place
    counts = [float(((t["row"] == row) & (t["symbol"] == symbol)).sum()) for t in (engine, other)]
    return _differ(backtest, place, "fills", counts[0], counts[1])


def _positions(backtest: Backtest, refereed: Refereed) -> Disagreement | None:
    held = np.zeros(refereed.positions.shape)
    rows = np.arange(len(held))
    for column in range(len(backtest.symbols)):
        own: Table = backtest.fills[backtest.fills["symbol"] == column]
        last = np.searchsorted(np.asarray(own["row"], dtype=np.int64), rows, side="right") - 1
        if own.size:
            held[:, column] = np.where(last >= 0, own["position"][np.maximum(last, 0)], 0.0)
    return _first(backtest, "position", held, refereed.positions)


def _exposure(backtest: Backtest, refereed: Refereed) -> Disagreement | None:
    thin = refereed.equity <= _EQUITY_FLOOR * backtest.capital  # a quotient by next to nothing
    shown = [np.where(thin[:, np.newaxis], 0.0, array) for array in (backtest.exposure, refereed.exposure)]
    return _first(backtest, "exposure", shown[0], shown[1])


def _equity(backtest: Backtest, refereed: Refereed) -> Disagreement | None:
    off = ~(_relative(backtest, refereed) <= TOLERANCE)
    if not off.any():
        return None
    row = int(off.argmax())
    return Disagreement(
        row=row,
        symbol=None,
        what="equity",
        engine=float(backtest.equity[row]),
        referee=float(refereed.equity[row]),
    )


def _relative(backtest: Backtest, refereed: Refereed) -> Floats:
    scale = np.maximum(np.abs(backtest.equity), _EQUITY_FLOOR * backtest.capital)
    relative: Floats = np.abs(backtest.equity - refereed.equity) / scale
    return relative


def _first(backtest: Backtest, what: str, engine: Floats, other: Floats) -> Disagreement | None:
    """Return the first element, by row, of two (n, m) arrays that is not nearly equal."""
    off = ~(np.abs(engine - other) <= TOLERANCE * np.maximum(1.0, np.abs(engine))) & (engine != other)
    if not off.any():
        return None
    row = int(off.any(axis=1).argmax())
    column = int(off[row].argmax())
    return _differ(backtest, (row, column), what, float(engine[row, column]), float(other[row, column]))


def _near(one: float, two: float) -> bool:
    return abs(one - two) <= TOLERANCE * max(abs(one), abs(two))


def _place(fill: np.void) -> tuple[int, int]:
    return int(fill["row"]), int(fill["symbol"])


def _differ(backtest: Backtest, place: tuple[int, int], what: str, engine: float, other: float) -> Disagreement:
    return Disagreement(row=place[0], symbol=backtest.symbols[place[1]], what=what, engine=engine, referee=other)
