"""Orders before they exist: their names, and the limits that may refuse them. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from autarch.canonical import EpochMs
from live.portfolio import Limits

Leg = Literal["close", "enter", "reduce"]
State = Literal["ACTIVE", "REDUCING", "HALTED"]
MINUTE_MS = 60_000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderName:
    """What makes an order the same order after a restart. `bar` is the decision bar's open in epoch ms.

    `part` counts the orders of one bar and symbol: a leg above the venue's largest order is several.
    """

    account: str
    strategy: str
    symbol: str
    bar: EpochMs
    leg: Leg
    part: int = 0
    attempt: int = 0

    @property
    def order_link_id(self) -> str:
        """Return the venue's idempotency key: `at-` and 160 bits in base32, 35 characters of [a-z2-7-].

        Source: DESIGN section 9 and Bybit's order/create page (36 characters of [A-Za-z0-9_-]).
        """
        parts = (self.account, self.strategy, self.symbol, str(self.bar), self.leg, str(self.part), str(self.attempt))
        digest = hashlib.sha256("|".join(parts).encode()).digest()[:20]
        return "at-" + base64.b32encode(digest).decode("ascii").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What one order would do. Notional values in USDT, gross over all symbols of the account after it."""

    notional: Decimal
    gross_after: Decimal
    reduces: bool
    time_ms: EpochMs


@dataclass(slots=True, kw_only=True)
class RiskGate:
    """The account's limits at work: refuses orders, and steps the state down, never up, except the day's.

    `equity` is the account's capital plus its own fills, fees and funding. REDUCING by the day's
    loss ends with the UTC day; by drawdown it is a latch that only a human releases.
    """

    limits: Limits
    capital: Decimal
    state: State = "ACTIVE"
    reason: str = ""
    peak: Decimal = Decimal(0)
    day: int = -1
    day_open: Decimal = Decimal(0)
    latched: bool = False
    sent_ms: list[int] = field(default_factory=list)

    def mark(self, equity: Decimal, time_ms: EpochMs) -> str | None:
        """Take the account's equity at a bar's close and return the new state's reason when it changed."""
        before = (self.state, self.latched)
        if time_ms // DAY_MS != self.day:
            self.day, self.day_open = time_ms // DAY_MS, equity
            if self.state == "REDUCING" and not self.latched:
                self.state, self.reason = "ACTIVE", "a new day"
        self.peak = max(self.peak, equity)
        lost, fallen = self.day_open - equity, self.peak - equity
        if fallen > self.peak * Decimal(str(self.limits.max_drawdown_frac)) and not self.latched:
            self.latched, self.state = True, "REDUCING"
            self.reason = f"drawdown {fallen:.2f} from the peak {self.peak:.2f} is beyond max_drawdown_frac"
        elif lost > self.capital * Decimal(str(self.limits.max_daily_loss_frac)) and self.state == "ACTIVE":
            self.state = "REDUCING"
            self.reason = f"the day's loss {lost:.2f} is beyond max_daily_loss_frac"
        return self.reason if (self.state, self.latched) != before else None

    def refuse(self, order: Proposed) -> str | None:
        """Return why `order` may not be sent, or None; `note_sent` counts it once it is written down.

        What reduces a position passes every limit but HALTED: a limit must not keep risk open.
        """
        if self.state == "HALTED":
            return f"the account is halted: {self.reason}"
        if not order.reduces:
            return self._entry_refusal(order)
        return None

    def note_sent(self, time_ms: EpochMs) -> None:
        """Count one order towards orders_per_minute."""
        self.sent_ms = [sent for sent in self.sent_ms if sent > time_ms - MINUTE_MS]
        self.sent_ms.append(time_ms)

    def _entry_refusal(self, order: Proposed) -> str | None:
        if self.state == "REDUCING":
            return f"the account only reduces: {self.reason}"
        if order.notional > self.limits.max_order_notional:
            return f"notional {order.notional:.2f} is above max_order_notional {self.limits.max_order_notional}"
        if order.gross_after > self.capital * Decimal(str(self.limits.max_gross_leverage)):
            return (
                f"gross notional {order.gross_after:.2f} would exceed max_gross_leverage "
                f"{self.limits.max_gross_leverage} of {self.capital}"
            )
        recent = sum(1 for sent in self.sent_ms if sent > order.time_ms - MINUTE_MS)
        if recent >= self.limits.orders_per_minute:
            return f"{recent} orders in the last minute; orders_per_minute is {self.limits.orders_per_minute}"
        return None
