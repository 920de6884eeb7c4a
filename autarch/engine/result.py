"""What a backtest returns: arrays, tables of what happened, and digests that name them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from autarch.canonical import Sha256, canonical_json
from autarch.engine import layout as at
from autarch.engine.sorting import copy_events, count_events
from autarch.market.types import Floats

Table = NDArray[Any]
"""A numpy structured array; its columns are listed where it is defined."""

_WHEN = [("seq", "<i8"), ("row", "<i8"), ("ts", "<i8"), ("symbol", "<i8")]

FILL: Final = np.dtype(
    [
        *_WHEN,  # seq: order of events over all tables; ts: open of the fill's bar, ms; symbol: column
        ("kind", "<i8"),  # layout.CLOSE to layout.SETTLED; names in layout.KIND_NAMES
        ("phase", "<i8"),  # layout.AT_OPEN or layout.INSIDE
        ("qty", "<f8"),  # signed coins, positive for a buy
        ("price", "<f8"),
        ("reference", "<f8"),  # price before slippage: the open, a trigger, a bankruptcy price
        ("fee", "<f8"),  # quote
        ("slippage", "<f8"),  # quote lost between reference and price, zero or more
        ("realised", "<f8"),  # quote, before fees
        ("position", "<f8"),  # signed coins after the fill
    ]
)
FUNDING: Final = np.dtype(
    [
        *_WHEN,  # ts: the settlement stamp
        ("qty", "<f8"),  # signed coins held
        ("mark", "<f8"),
        ("rate", "<f8"),
        ("payment", "<f8"),  # quote paid, negative when received
    ]
)
SKIP: Final = np.dtype(
    [
        *_WHEN,
        ("reason", "<i8"),  # layout.SKIP_TOO_SMALL and following; texts in layout.KIND_NAMES
        ("qty", "<f8"),  # signed coins not ordered; 0 when the wanted quantity itself rounds to none
        ("price", "<f8"),  # close of the bar decided on
    ]
)


_WHEN_COLUMNS = {"row": at.E_ROW, "ts": at.E_TIME, "symbol": at.E_SYMBOL}
_FILL_COLUMNS = {
    "kind": at.E_KIND,
    "phase": at.E_PHASE,
    "qty": at.E_QTY,
    "price": at.E_PRICE,
    "reference": at.E_REFERENCE,
    "fee": at.E_FEE,
    "slippage": at.E_SLIPPAGE,
    "realised": at.E_REALISED,
    "position": at.E_POSITION,
}
_FUNDING_COLUMNS = {"qty": at.E_QTY, "mark": at.E_PRICE, "rate": at.E_RATE, "payment": at.E_FEE}
_SKIP_COLUMNS = {"reason": at.E_KIND, "qty": at.E_QTY, "price": at.E_PRICE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The kernel's events by what they are; `seq` numbers them across all three."""

    fills: Table
    funding: Table
    skipped: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over a backtest, in quote. final equity = capital + realised + unrealised - fees - funding."""

    realised: float
    unrealised: float
    fees: float
    funding: float
    slippage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What decisions would have earned. Arrays are by bar (n,), or by bar and symbol (n, m).

    Attributes:
        symbols: Columns.
        interval_ms: Length of a bar.
        capital: Quote at the start.
        equity: (n,) at each close.
        exposure: (n, m) signed notional / equity at each close; NaN while equity is not positive.
        drawdown: (n,) fraction below the highest equity so far, the capital included.
        fills: `FILL`, in the order they happened.
        funding: `FUNDING`, likewise.
        skipped: `SKIP`: orders that a decision implied and nobody sent.
        liquidation_gap: (m,) smallest distance to liquidation met, fraction of price; inf if never in the market.
        totals: Sums in quote.
        ruined_row: First row whose close left no equity; nothing is decided after it. None if never.
        states: (m, N_STATE) of each symbol after the last bar; fields in `layout.STATE_FIELDS`.
    """

    symbols: tuple[str, ...]
    interval_ms: int
    capital: float
    equity: Floats
    exposure: Floats
    drawdown: Floats
    fills: Table
    funding: Table
    skipped: Table
    liquidation_gap: Floats
    totals: Totals
    ruined_row: int | None
    states: Floats

    @property
    def liquidations(self) -> Table:
        """The fills that the venue forced at a bankruptcy price."""
        forced: Table = self.fills[self.fills["kind"] == at.LIQUIDATED]
        return forced

    def fills_digest(self) -> Sha256:
        """Return the SHA-256 of the symbols and of every column of every fill, little-endian."""
        hasher = hashlib.sha256(canonical_json({"symbols": list(self.symbols), "columns": list(FILL.names or ())}))
        hasher.update(np.ascontiguousarray(self.fills, dtype=FILL).tobytes())
        return Sha256(hasher.hexdigest())

    def equity_digest(self) -> Sha256:
        """Return the SHA-256 of the little-endian float64 bytes of equity."""
        return Sha256(hashlib.sha256(np.ascontiguousarray(self.equity, dtype="<f8").tobytes()).hexdigest())


def tables_of(events: Floats, *, first_symbol: int = 0, n_symbols: int | None = None) -> Tables:
    """Return the events (n_events, N_EVENT) of the kernel or of a venue as tables.

    `seq` counts all events given; those of other than `n_symbols` columns from `first_symbol` on are left
    out, and the columns count from there.
    """
    end = np.inf if n_symbols is None else float(first_symbol + n_symbols)
    fills, funding, skipped = (
        _table(events, kinds, (float(first_symbol), end), columns, sources)
        for kinds, columns, sources in (
            ((-np.inf, at.SETTLED), FILL, _FILL_COLUMNS),
            ((at.FUNDING_PAID, at.FUNDING_PAID), FUNDING, _FUNDING_COLUMNS),
            ((at.SKIP_TOO_SMALL, np.inf), SKIP, _SKIP_COLUMNS),
        )
    )
    return Tables(fills=fills, funding=funding, skipped=skipped)


def _table(
    events: Floats,
    kinds: tuple[float, float],
    symbols: tuple[float, float],
    columns: np.dtype[np.void],
    sources: dict[str, int],
) -> Table:
    known = {"seq": -1, **_WHEN_COLUMNS, **sources}
    chosen = np.array([(known[name], columns[name].kind == "i") for name in columns.names or ()], dtype=np.int64)
    cells = np.empty((count_events(events, kinds, symbols), chosen.shape[0]))
    copy_events(events, kinds, symbols, chosen, cells, cells.view(np.int64))
    table: Table = cells.view(columns).reshape(-1)
    return table
