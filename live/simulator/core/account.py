"""One account: its positions, orders, money and settings. Only `Exchange` changes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar

from autarch.canonical import EpochMs
from live.simulator.core.holding import Holding
from live.simulator.core.rows import ExecutionRow, OrderRow, PositionRow, WalletRow

Dated = TypeVar("Dated", OrderRow, PositionRow, WalletRow)
MarginMode = Literal["ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN"]
HISTORY_MAX = 20_000
"""Closed orders, executions and past states kept of each; the venue, too, forgets."""
NAMES = 4
"""Names of orders kept for each row of a history."""


@dataclass(slots=True, kw_only=True)
class Account:
    """Whose orders these are.

    Attributes:
        deposited: The USDT put in less what was taken out.
        kept: Bounds each history.
        shared: Whether one margin stands behind all positions.
        stake: USDT of it that may be lost before a shared margin is taken over; None: all of `deposited`.
    """

    uid: str
    deposited: Decimal
    margin_mode: MarginMode = "ISOLATED_MARGIN"
    position_mode: int = 0  # 0 one-way, 3 hedge
    trading: bool = True
    shared: bool = False
    stake: Decimal | None = None
    kept: int = HISTORY_MAX
    holdings: dict[str, Holding] = field(default_factory=dict)
    open_orders: dict[str, OrderRow] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)  # orderLinkId -> orderId
    orders: dict[str, list[OrderRow]] = field(default_factory=dict)  # every state of every order
    executions: list[ExecutionRow] = field(default_factory=list)
    positions: dict[str, list[PositionRow]] = field(default_factory=dict)
    wallets: list[WalletRow] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        """USDT without open profit."""
        return self.deposited + sum((holding.realised for holding in self.holdings.values()), Decimal(0))

    def orders_of(self, symbol: str) -> list[OrderRow]:
        """Return the open orders of a symbol, oldest first."""
        return [order for order in self.open_orders.values() if order.symbol == symbol]

    def order_margin(self) -> Decimal:
        """Return what resting limit orders reserve, USDT; those that only reduce reserve nothing."""
        total = Decimal(0)
        for order in self.open_orders.values():
            if order.reduce_only or order.status == "Untriggered":
                continue
            holding = self.holdings[order.symbol]
            total += order_cost(holding, order.leaves_qty, order.price)
        return total

    def name(self, link: str, order_id: str) -> None:
        """Remember what an order of ours is called, longer than the order itself: a name is used once.

        Assumes that nobody repeats a name after so many others; the venue says that it never forgets one.
        """
        self.links[link] = order_id
        if len(self.links) > 2 * NAMES * self.kept:
            old = [key for key, named in self.links.items() if named not in self.open_orders]
            for key in old[: NAMES * self.kept]:
                del self.links[key]

    def note(self, row: OrderRow | ExecutionRow | PositionRow | WalletRow) -> None:
        """Keep a row: the newest state of an order, and the histories."""
        match row:
            case OrderRow():
                self._note_order(row)
            case ExecutionRow():
                self.executions.append(row)
                trim(self.executions, self.kept)
            case PositionRow():
                kept = self.positions.setdefault(row.symbol, [])
                kept.append(row)
                trim(kept, self.kept)
            case WalletRow():
                self.wallets.append(row)
                trim(self.wallets, self.kept)

    def order_as_of(self, order_id: str, as_of_ms: EpochMs) -> OrderRow | None:
        """Return an order as it was at a time, None when it did not exist then."""
        return newest(self.orders.get(order_id, ()), as_of_ms)

    def position_as_of(self, symbol: str, as_of_ms: EpochMs) -> PositionRow | None:
        """Return a position as it was reported at a time, None before any report."""
        return newest(self.positions.get(symbol, ()), as_of_ms)

    def wallet_as_of(self, as_of_ms: EpochMs) -> WalletRow | None:
        """Return the wallet as it was reported at a time, None before any report."""
        return newest(self.wallets, as_of_ms)

    def _note_order(self, row: OrderRow) -> None:
        self.orders.setdefault(row.order_id, []).append(row)
        if row.is_open:
            self.open_orders[row.order_id] = row
        else:
            self.open_orders.pop(row.order_id, None)
        if len(self.orders) > 2 * self.kept:
            closed = [key for key in self.orders if key not in self.open_orders]
            for key in closed[: self.kept]:
                del self.orders[key]


def order_cost(holding: Holding, qty: Decimal, price: Decimal) -> Decimal:
    """Return what an order that opens takes of the available balance: margin, and the fees to open and to close it."""
    value = qty * price
    fee = holding.contract.instrument.taker_fee
    return value / holding.leverage + 2 * value * fee


def newest(rows: Iterable[Dated], as_of_ms: EpochMs) -> Dated | None:
    """Return the newest of ascending rows that was there at a time."""
    found = None
    for row in rows:
        if row.updated_ms > as_of_ms:
            break
        found = row
    return found


def trim(rows: list[Any], kept: int) -> None:
    """Drop the older half of a history that has grown to twice what is kept."""
    if len(rows) > 2 * kept:
        del rows[:kept]
