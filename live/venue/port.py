"""The port between executor and exchange, in the desk's words and Bybit's enumerations.

Money and quantities are `Decimal`, exactly as a venue's text holds them. An order is accepted or
refused at once; what became of it arrives as executions. One way to ask again after doubt:
`find_order` by the order's own link id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from autarch.canonical import EpochMs

Side = Literal["Buy", "Sell"]
ExecType = Literal["Trade", "Funding", "BustTrade", "Settle"]
CreateType = Literal["CreateByUser", "CreateByStopLoss", "CreateByTakeProfit", "CreateByLiq", "CreateBySettle", ""]
ORDER_LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A market order. Triggers protect the position it opens and move to the true average entry after the fill."""

    order_link_id: str
    symbol: str
    side: Side
    qty: Decimal
    reduce_only: bool
    stop_loss_frac: Decimal | None = None
    take_profit_frac: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAck:
    """The venue took the order; nothing is filled yet as far as this says."""

    order_id: str
    order_link_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A fact: a fill, a funding payment (`exec_fee` > 0 was paid), or a liquidation at bankruptcy price.

    `order_link_id` is empty for what the venue did itself: stops, funding, liquidation. `seq`
    rises with every execution of the account.
    """

    seq: int
    exec_id: str
    exec_type: ExecType
    create_type: CreateType
    symbol: str
    side: Side
    order_link_id: str
    exec_qty: Decimal
    exec_price: Decimal
    exec_fee: Decimal
    time_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position in one-way mode; `size` is signed, 0 is flat. Triggers are absolute prices."""

    symbol: str
    size: Decimal
    entry_price: Decimal | None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class Venue(Protocol):
    """One account at one exchange."""

    def place(self, order: OrderRequest) -> OrderAck:
        """Send one order, once.

        Raises:
            VenueRejected: a filter, a duplicate link id or the account's state refused it; nothing happened.
            VenueUnknown: nobody knows; ask `find_order` before anything else.
        """
        ...

    def find_order(self, order_link_id: str) -> OrderAck | None:
        """Return the order of that link id, open or done, or None when the venue never took it."""
        ...

    def position(self, symbol: str) -> Position:
        """Return the position in `symbol`, flat when there is none."""
        ...

    def executions(self, *, after: int) -> tuple[Execution, ...]:
        """Return the account's executions with seq above `after`, in order."""
        ...
