"""Where the live path parts from the backtest, if it does: decisions, orders, fills, funding, equity. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from autarch.decisions import Decisions
from autarch.engine import Backtest
from autarch.engine import layout as at
from autarch.market.types import Floats, Market
from autarch.referee.rehearsal import FILLED, ORDERED, PAID, Rehearsed
from autarch.referee.result import Table
from ci.checks.asking import NAMES, same, when

TOLERANCE: Final = 1e-9
"""Largest difference of equity at a close, relative to it, that rounding may explain; everything else is exact."""

_EQUITY_FLOOR: Final = 1e-3
"""Equity below this part of the capital is compared on its scale: what is left of a ruin is cancellation."""

_LEGS: Final = {at.CLOSE: "close", at.REDUCE: "reduce", at.ENTRY_FILL: "enter"}
_CAUSES: Final = {
    **dict.fromkeys(_LEGS, "order"),
    at.STOP_OUT: "stop",
    at.TAKE_PROFIT: "take-profit",
    at.LIQUIDATED: "liquidation",
    at.SETTLED: "settlement",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """The first thing that differs: at a row of the market, of a symbol (None: of the sleeve), in words."""

    row: int
    symbol: str | None
    what: str
    backtest: str
    live: str

    def text(self, market: Market, *, first_row: int) -> str:
        """Return the sentence; `market` is the one that the window was cut from at `first_row`."""
        whose = f"{self.what} of {self.symbol}" if self.symbol else self.what
        return f"{when(market, first_row + self.row)}: {whose} is {self.backtest} in the backtest and {self.live} live"


def parting(market: Market, decisions: Decisions, result: Backtest, live: Rehearsed) -> Parting | None:
    """Return where `live` first parts from the backtest of the same decisions, or None where they are one.

    Decisions are compared to the bit, orders, fills and funding by symbol in their order and exactly, equity
    within `TOLERANCE` at every close that was decided on.

    Args:
        market: What both played, from flat.
        decisions: What was to be wanted.
        result: What the engine made of them.
        live: What the journal says.
    """
    pairs = (
        ("order", _orders(result), live.orders),
        ("fill", _fills(result), live.fills),
        ("funding", _funding(result), live.funding),
    )
    found = [
        _wanted(decisions, live),
        *(_tables(what, ours, theirs, market, decisions.symbols) for what, ours, theirs in pairs),
        _equity(result, live.equity),
    ]
    return min((one for one in found if one is not None), key=lambda one: one.row, default=None)


def _wanted(decisions: Decisions, live: Rehearsed) -> Parting | None:
    apart = decisions.counts != live.decided
    for name in NAMES:
        apart |= decisions.counts & ~same(getattr(decisions, name), live.wanted[name])
    if not apart.any():
        return None
    row, column = (int(place) for place in np.argwhere(apart)[0])
    return Parting(
        row=row,
        symbol=decisions.symbols[column],
        what="decision",
        backtest=_decision_text(
            bool(decisions.counts[row, column]), {n: getattr(decisions, n) for n in NAMES}, row, column
        ),
        live=_decision_text(bool(live.decided[row, column]), dict(live.wanted), row, column),
    )


def _decision_text(decided: bool, wanted: dict[str, Floats], row: int, column: int) -> str:  # noqa: FBT001  one use
    values = ", ".join(f"{name} {wanted[name][row, column]!r}" for name in NAMES)
    return values if decided else "none"


def _orders(result: Backtest) -> Table:
    """Return the orders behind the fills: at an open each order fills whole, so that they are the same rows."""
    ours = result.fills[np.isin(result.fills["kind"], list(_LEGS))]
    rows = [(f["row"], f["symbol"], _LEGS[int(f["kind"])], f["qty"]) for f in ours]
    return np.array(rows, dtype=ORDERED)


def _fills(result: Backtest) -> Table:
    rows = [(f["row"], f["symbol"], _CAUSES[int(f["kind"])], f["qty"], f["price"], f["fee"]) for f in result.fills]
    return np.array(rows, dtype=FILLED)


def _funding(result: Backtest) -> Table:
    paid = np.empty(len(result.funding), dtype=PAID)
    for name in PAID.names or ():
        paid[name] = result.funding[name]
    return paid


def _tables(what: str, ours: Table, theirs: Table, market: Market, symbols: tuple[str, ...]) -> Parting | None:
    """Return the first entry that one of two tables has and the other has not, symbol by symbol in its order."""
    first: Parting | None = None
    for column, symbol in enumerate(symbols):
        left, right = (table[table["symbol"] == column] for table in (ours, theirs))
        shared = min(len(left), len(right))
        apart = np.flatnonzero(left[:shared] != right[:shared])
        if not apart.size and len(left) == len(right):
            continue
        index = int(apart[0]) if apart.size else shared
        row = min(_row(table[index], market) for table in (left, right) if index < len(table))
        found = Parting(
            row=row, symbol=symbol, what=what, backtest=_entry_text(left, index), live=_entry_text(right, index)
        )
        first = found if first is None or found.row < first.row else first
    return first


def _row(entry: Any, market: Market) -> int:
    names = entry.dtype.names or ()
    return int(entry["row"] if "row" in names else (entry["ts"] - int(market.ts[0])) // market.interval_ms)


def _entry_text(table: Table, index: int) -> str:
    if index >= len(table):
        return "none"
    entry: Any = table[index]
    return " ".join(f"{name} {entry[name].item()!r}" for name in table.dtype.names or () if name != "symbol")


def _equity(result: Backtest, live: Floats) -> Parting | None:
    shown = ~np.isnan(live)
    scale = np.maximum(np.abs(result.equity), _EQUITY_FLOOR * result.capital)
    with np.errstate(invalid="ignore"):
        apart = shown & ~(np.abs(result.equity - live) <= TOLERANCE * scale)
    if not apart.any():
        return None
    row = int(apart.argmax())
    return Parting(
        row=row, symbol=None, what="equity", backtest=repr(float(result.equity[row])), live=repr(float(live[row]))
    )
