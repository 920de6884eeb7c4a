"""The port between executor and exchange, in the desk's words and Bybit's enumerations.

Money, prices and quantities are `Decimal`, exactly as the venue's text holds them; times are epoch ms.
An order has three outcomes and no fourth: taken, refused (nothing happened), unknown. What became of a taken order
arrives as executions; the stream only says sooner what a read would say later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from autarch.canonical import EpochMs

Side = Literal["Buy", "Sell"]
ExecType = Literal["Trade", "Funding", "AdlTrade", "BustTrade", "Settle", "Delivery"]
OrderStatus = Literal["open", "filled", "cancelled", "rejected"]
ORDER_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A market order. Triggers are absolute prices on the tick and protect the whole position it opens.

    A reduce-only order carries none.
    """

    order_link_id: str
    symbol: str
    side: Side
    qty: Decimal
    reduce_only: bool
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAck:
    """The venue took the order; nothing is filled yet as far as this says."""

    order_id: str
    order_link_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as the venue shows it. `reason` says why it was cancelled or rejected.

    `link` is empty for what the venue made itself; a trigger of a position is such an order.
    """

    order_id: str
    order_link_id: str
    symbol: str
    side: Side
    status: OrderStatus
    qty: Decimal
    filled: Decimal
    reduce_only: bool
    trigger: Literal["", "StopLoss", "TakeProfit", "Stop"] = ""
    trigger_price: Decimal | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fact: a fill, a forced fill, or a funding payment (`fee` > 0 was paid; `qty` then is the position).

    `exec_id` names it for ever and is what repeats are known by. `order_link_id` is empty for what the venue did
    itself: stops, funding, liquidation. `order` sorts executions of one symbol at one time.
    """

    exec_id: str
    exec_type: ExecType
    create_type: str
    symbol: str
    side: Side
    order_id: str
    order_link_id: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    time_ms: EpochMs
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position in one-way mode; `size` is signed, 0 is flat. Triggers are absolute prices."""

    symbol: str
    size: Decimal
    entry_price: Decimal | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    liq_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The account as the venue shows it by one round of reads.

    Attributes:
        time_ms: The venue's time at the start of the round.
        generation: Of the private connection; another one than before means messages may have been lost.
        positions: By symbol; every symbol asked for, and every other that is not flat.
        orders: All open orders, the venue's own triggers included.
        hedge_mode: The account holds longs and shorts apart, which we never trade on.
        margin_mode: As the venue calls ours: isolated or cross.
        wallet: USDT balance, or None where the venue does not say.
    """

    time_ms: EpochMs
    generation: int
    positions: dict[str, Position]
    orders: tuple[OrderState, ...]
    hedge_mode: bool
    margin_mode: Literal["isolated", "cross", "portfolio"]
    wallet: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What the venue says of a symbol now: may it be traded, and its filters."""

    symbol: str
    trading: bool
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_market_qty: Decimal
    min_notional: Decimal
    delists_ms: EpochMs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """News: an execution."""

    execution: Execution


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """News: the private stream is up for the `generation`-th time; what was said before may be lost: read again."""

    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """News: the stream is down, stale or refused, or the clock is off; `fatal` when no retry will cure it."""

    reason: str
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """News: an order or a position of this symbol is not what it was; read before relying on it."""

    symbol: str


News = Executed | Connected | Disturbed | Changed


class Venue(Protocol):
    """One account at one exchange. Every method may raise VenueError besides what it names."""

    async def start(self, symbols: tuple[str, ...], leverage: dict[str, Decimal]) -> None:
        """Check clock, key, mode and margin, set leverage, connect the streams, and read once.

        Raises:
            ConfigError: the account or the key is not one we trade with; the text says which rule and the cure.
        """
        ...

    async def close(self) -> None:
        """Give up connections; orders and stops stay as they are."""
        ...

    async def news(self) -> News:
        """Return what happened next, in the order in which it was noticed; waits for it."""
        ...

    def heard(self) -> tuple[News, ...]:
        """Return what has been noticed and not been returned yet, without waiting."""
        ...

    async def place(self, order: OrderRequest) -> OrderAck:
        """Send one order, exactly once.

        Raises:
            VenueRejected: definitely refused; nothing happened.
            VenueUnknown: nobody knows; `settle` it before anything else.
        """
        ...

    async def settle(self, order_link_id: str, symbol: str, *, sent_ms: EpochMs) -> OrderState | None:
        """Find out what became of an order sent at `sent_ms`: its state, or None when it never was and never will be.

        Waits until no answer can change any more.

        Raises:
            VenueUnknown: even then nothing could be concluded; halt the symbol.
        """
        ...

    async def order(self, order_link_id: str, symbol: str) -> OrderState | None:
        """Return the order as one read shows it; None proves nothing."""
        ...

    async def cancel(self, order_link_id: str, symbol: str, *, order_id: str = "") -> None:
        """Cancel an open order, by the venue's own id where it has no link id; not open any more is no error."""
        ...

    async def set_stops(self, symbol: str, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
        """Make these the whole position's triggers, None for none; what stands already is no error."""
        ...

    async def snapshot(self, symbols: tuple[str, ...]) -> Snapshot:
        """Read the account."""
        ...

    async def executions(self, *, since_ms: EpochMs) -> tuple[Execution, ...]:
        """Return every execution at or after `since_ms`, oldest first, funding rows too; repeats are the caller's."""
        ...

    async def listings(self, symbols: tuple[str, ...]) -> dict[str, Listing]:
        """Return what the venue says of these symbols; one that it does not know is missing."""
        ...

    async def last_price(self, symbol: str) -> Decimal:
        """Return the newest trade's price."""
        ...

    async def now_ms(self) -> EpochMs:
        """Return the venue's time as this client knows it."""
        ...
