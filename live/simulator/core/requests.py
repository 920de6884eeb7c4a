"""What a client asks for, parsed, and how the exchange says no."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from live.simulator.core.rows import OrderType, Side, TimeInForce, Trigger


class Refused(Exception):  # noqa: N818  the exchange's answer, not an error of ours
    """A request that did not get as far as the matching engine: Bybit's retCode and its text."""

    def __init__(self, code: int, text: str) -> None:
        """Carry the code and the text of the answer."""
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        """Return both."""
        return f"{self.code}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrder:
    """One order. `qty` zero with `reduce_only` and `close_on_trigger` closes the position.

    With `trigger_price` it is conditional: `trigger_direction` 1 waits for a rise to it, 2 for a fall.
    """

    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    price: Decimal | None = None
    time_in_force: TimeInForce = "GTC"
    position_idx: int = 0
    order_link_id: str = ""
    reduce_only: bool = False
    close_on_trigger: bool = False
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    tp_trigger_by: Trigger = "LastPrice"
    sl_trigger_by: Trigger = "LastPrice"
    trigger_price: Decimal | None = None
    trigger_direction: int = 0
    trigger_by: Trigger = "LastPrice"


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendOrder:
    """A change of an open order: what is None stays."""

    symbol: str
    order_id: str = ""
    order_link_id: str = ""
    qty: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
