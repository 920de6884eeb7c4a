"""Orders before they exist: their names, and the limits that may refuse them. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from autarch.canonical import EpochMs
from live.portfolio import Limits

Leg = Literal["close", "enter", "reduce"]
State = Literal["ACTIVE", "REDUCING", "HALTED"]
Cause = Literal["", "day", "drawdown", "told"]
OUR_PREFIX, KILL_PREFIX = "at-", "ak-"
"""How names of an executor's orders begin, and those of a kill or a dead-man."""

MINUTE_MS = 60_000
DAY_MS = 86_400_000
_CARRIED = ("state", "reason", "cause", "flattens", "peak", "day", "day_open", "sent_ms")


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
        return OUR_PREFIX + base64.b32encode(digest).decode("ascii").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What one leg would do. Notional values in USDT, gross over all symbols of the account after it.

    A leg too large for one order is `orders` of them, the largest of `notional`: all go out, or none does.

    `sleeve_after` is the gross of its sleeve alone and `sleeve_most` what its tier allows, None without a cap.
    `moved` is how far the price has gone since the decision, fraction, and `age_ms` how long ago its bar closed.
    """

    notional: Decimal
    gross_after: Decimal
    reduces: bool
    time_ms: EpochMs
    sleeve_after: Decimal = Decimal(0)
    sleeve_most: Decimal | None = None
    moved: Decimal = Decimal(0)
    age_ms: int = 0
    orders: int = 1


@dataclass(slots=True, kw_only=True)
class RiskGate:
    """The account's limits at work: refuses orders, and steps the state down, never up, except the day's.

    `equity` is the account's capital plus its own fills, fees and funding. REDUCING by the day's
    loss ends with the UTC day; what a drawdown or anybody else ordered only a human releases.

    Attributes:
        cause: What brought the state about: the day's loss, the drawdown, or somebody who told us.
        flattens: Everything is to be closed, not only kept from growing.
    """

    limits: Limits
    capital: Decimal
    state: State = "ACTIVE"
    reason: str = ""
    cause: Cause = ""
    flattens: bool = False
    peak: float = 0.0
    day: int = -1
    day_open: float = 0.0
    sent_ms: list[int] = field(default_factory=list)

    def mark(self, equity: float, time_ms: EpochMs) -> None:
        """Take the account's equity at a bar's close, USDT."""
        if time_ms // DAY_MS != self.day:
            self.day, self.day_open = time_ms // DAY_MS, equity
            if self.cause == "day":
                self.state, self.reason, self.cause = "ACTIVE", "a new day", ""
        self.peak = max(self.peak, equity)
        lost, fallen = self.day_open - equity, self.peak - equity
        if self.state == "HALTED" or self.flattens:
            return
        if fallen > self.peak * self.limits.max_drawdown_frac:
            self.state, self.cause, self.flattens = "REDUCING", "drawdown", True
            self.reason = f"drawdown {fallen:.2f} from the peak {self.peak:.2f} is beyond max_drawdown_frac"
        elif lost > float(self.capital) * self.limits.max_daily_loss_frac and self.state == "ACTIVE":
            self.state, self.cause = "REDUCING", "day"
            self.reason = f"the day's loss {lost:.2f} is beyond max_daily_loss_frac"

    def told(self, state: State, reason: str, *, flattens: bool) -> None:
        """Take a state that somebody decided on; ACTIVE also begins a new peak, or the old one would act again."""
        self.state, self.reason, self.flattens = state, reason, flattens
        self.cause = "" if state == "ACTIVE" else "told"
        if state == "ACTIVE":
            self.peak, self.day = 0.0, -1

    def shift(self, by: float) -> None:
        """Let equity that was neither won nor lost, as by another capital, move what losses are counted from."""
        self.peak += by
        self.day_open += by

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

    def note_answered(self, written_ms: EpochMs, time_ms: EpochMs) -> None:
        """Count an order from its answer on: one that waited for others went out later than it was written down."""
        if written_ms in self.sent_ms:
            self.sent_ms.remove(written_ms)
            self.sent_ms.append(max(written_ms, time_ms))

    def to_json(self) -> dict[str, object]:
        """Return what a journal carries of it."""
        return {name: getattr(self, name) for name in _CARRIED}

    def take(self, carried: Mapping[str, Any]) -> None:
        """Take what a journal carried."""
        for name in _CARRIED:
            setattr(self, name, carried[name])
        self.peak, self.day_open = float(self.peak), float(self.day_open)
        self.sent_ms = list(self.sent_ms)

    def _entry_refusal(self, order: Proposed) -> str | None:
        """Return the first limit that an entry would break, or None."""
        limits = self.limits
        recent = sum(1 for sent in self.sent_ms if sent > order.time_ms - MINUTE_MS)
        broken = {
            f"the account only reduces: {self.reason}": self.state == "REDUCING",
            f"notional {order.notional:.2f} is above max_order_notional {limits.max_order_notional}": (
                order.notional > limits.max_order_notional
            ),
            f"gross notional {order.gross_after:.2f} would exceed max_gross_leverage {limits.max_gross_leverage} of "
            f"{self.capital}": order.gross_after > self.capital * Decimal(str(limits.max_gross_leverage)),
            f"the sleeve would hold {order.sleeve_after:.2f}; its tier allows {order.sleeve_most or 0:.2f} USDT": (
                order.sleeve_most is not None and order.sleeve_after > order.sleeve_most
            ),
            f"the price has moved by {order.moved:.4f} since the decision, beyond max_price_deviation_frac "
            f"{limits.max_price_deviation_frac}": order.moved > Decimal(str(limits.max_price_deviation_frac)),
            f"its bar closed {order.age_ms} ms ago; stale_data_s is {limits.stale_data_s}": (
                order.age_ms > limits.stale_data_s * 1000
            ),
            f"{recent} orders in the last minute, {order.orders} more to send; orders_per_minute is "
            f"{limits.orders_per_minute}": recent + order.orders > limits.orders_per_minute,
        }
        return next((text for text, is_broken in broken.items() if is_broken), None)
