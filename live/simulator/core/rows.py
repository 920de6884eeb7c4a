"""What the exchange reports: immutable rows in the venue's own words, each the newest state of one thing.

Money, prices and quantities are `Decimal`; times are epoch ms. `seq` rises with everything that happens anywhere.
Structs rather than dataclasses: an order makes a dozen rows, and these cost a tenth. They hold no containers, so the
garbage collector need not look at them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from autarch.canonical import EpochMs

Side = Literal["Buy", "Sell"]
OrderType = Literal["Market", "Limit", "UNKNOWN"]
TimeInForce = Literal["GTC", "IOC", "FOK", "PostOnly"]
Trigger = Literal["LastPrice", "MarkPrice", "IndexPrice"]
OrderStatus = Literal[
    "New", "PartiallyFilled", "Untriggered", "Triggered", "Rejected", "Filled", "Cancelled", "Deactivated"
]
ExecType = Literal["Trade", "Funding", "AdlTrade", "BustTrade", "Settle"]
StopOrderType = Literal["", "Stop", "StopLoss", "TakeProfit"]
OPEN_STATUSES = frozenset({"New", "PartiallyFilled", "Untriggered", "Triggered"})
ZERO = Decimal(0)


class OrderRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as it stands. `price` is a market order's inner limit; `leaves_qty` what may still fill."""

    seq: int
    uid: str
    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    price: Decimal
    time_in_force: TimeInForce
    status: OrderStatus
    leaves_qty: Decimal
    cum_exec_qty: Decimal = ZERO
    cum_exec_value: Decimal = ZERO
    cum_exec_fee: Decimal = ZERO
    reduce_only: bool = False
    close_on_trigger: bool = False
    stop_order_type: StopOrderType = ""
    trigger_price: Decimal | None = None
    trigger_direction: int = 0
    trigger_by: Trigger = "LastPrice"
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    tp_trigger_by: Trigger = "LastPrice"
    sl_trigger_by: Trigger = "LastPrice"
    create_type: str = "CreateByUser"
    cancel_type: str = ""
    reject_reason: str = "EC_NoError"
    parent_link_id: str = ""
    last_price_on_created: Decimal = ZERO
    created_ms: EpochMs
    updated_ms: EpochMs

    @property
    def is_open(self) -> bool:
        """Return whether it can still fill."""
        return self.status in OPEN_STATUSES

    @property
    def avg_price(self) -> Decimal | None:
        """Average price of what has filled, None before any."""
        return self.cum_exec_value / self.cum_exec_qty if self.cum_exec_qty else None


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fill, or a funding payment: then `exec_qty` is the position, `exec_fee` > 0 was paid."""

    seq: int
    uid: str
    exec_id: str
    exec_type: ExecType
    symbol: str
    side: Side
    order_id: str
    order_link_id: str
    order_type: OrderType
    order_qty: Decimal
    order_price: Decimal
    leaves_qty: Decimal
    exec_qty: Decimal
    exec_price: Decimal
    exec_fee: Decimal
    fee_rate: Decimal
    closed_size: Decimal
    exec_pnl: Decimal
    mark_price: Decimal
    is_maker: bool
    stop_order_type: StopOrderType
    create_type: str
    time_ms: EpochMs


class PositionRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A position in one-way mode. `side` is empty and `size` zero when flat."""

    seq: int
    uid: str
    symbol: str
    side: Literal["Buy", "Sell", ""]
    size: Decimal
    entry_price: Decimal
    mark_price: Decimal
    leverage: Decimal
    take_profit: Decimal | None
    stop_loss: Decimal | None
    liq_price: Decimal | None
    bust_price: Decimal | None
    initial_margin: Decimal
    maintenance_margin: Decimal
    unrealised_pnl: Decimal
    cum_realised_pnl: Decimal
    created_ms: EpochMs
    updated_ms: EpochMs

    @property
    def signed(self) -> Decimal:
        """Size with its sign: negative for a short."""
        return -self.size if self.side == "Sell" else self.size


class WalletRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The account's USDT. `balance` has realised profit, fees and funding in it, open profit not."""

    seq: int
    uid: str
    balance: Decimal
    equity: Decimal
    position_margin: Decimal
    order_margin: Decimal
    unrealised_pnl: Decimal
    cum_realised_pnl: Decimal
    updated_ms: EpochMs

    @property
    def available(self) -> Decimal:
        """What a new isolated position may take as margin."""
        return self.balance - self.position_margin - self.order_margin


class KlineRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bar, final only when `confirm`. Times are the bar's open and its newest change."""

    symbol: str
    interval_ms: int
    start_ms: EpochMs
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    confirm: bool
    time_ms: EpochMs


class TickerRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Newest prices of a symbol, and the funding that comes next."""

    seq: int
    symbol: str
    last_price: Decimal
    mark_price: Decimal
    funding_rate: Decimal
    next_funding_ms: EpochMs
    time_ms: EpochMs


class TradeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A public trade."""

    seq: int
    symbol: str
    side: Side
    price: Decimal
    qty: Decimal
    trade_id: str
    time_ms: EpochMs


PrivateRow = OrderRow | ExecutionRow | PositionRow | WalletRow
PublicRow = KlineRow | TickerRow | TradeRow
Row = PrivateRow | PublicRow
