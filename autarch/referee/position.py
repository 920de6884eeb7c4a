"""One symbol while it is held: its resting triggers, what it has taken at this open, its liquidation."""

# mypy: disable-error-code="misc"
# backtrader carries no types, so every class of it is Any

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

import backtrader as bt

from autarch.referee.intent import Intent
from autarch.referee.margin import bankruptcy_price, liquidation_price
from autarch.referee.reading import away_from_trader, depth_before, slipped, trigger
from autarch.referee.sheet import Contract, Feed

DEPTH_BARS: Final = 96


@dataclass(slots=True, kw_only=True, eq=False)
class Held:
    """What the referee knows of one symbol beside backtrader's position.

    Attributes:
        column: Of the sheet.
        contract: Terms.
        feed: Rows.
        intent: What its decisions ask for.
        turnover: The feed's, as a list.
        stop: Trigger prices of the position held, None for none.
        take: Likewise.
        bankrupt: Price that a liquidation closes at.
        drained: Quote of the position's margin that funding has taken; what funding gave is not credited.
        resting: backtrader's orders that wait for a trigger: the adverse one first.
        taken: Quote bought (1) and sold (-1) at the row's open.
        taken_at: That row.
    """

    column: int
    contract: Contract
    feed: Feed
    intent: Intent
    turnover: list[float]
    stop: float | None = None
    take: float | None = None
    bankrupt: Fraction = Fraction(0)
    drained: Fraction = Fraction(0)
    resting: list[Any] = field(default_factory=list)
    taken: dict[int, float] = field(default_factory=dict)
    taken_at: int = -1

    def entered(self, side: int, average: float) -> None:
        """Arm both triggers at the new average entry with the distances of the decision that raised."""
        self.stop = trigger(average, -side, self.intent.stop, self.contract.tick)
        self.take = trigger(average, side, self.intent.take, self.contract.tick)

    def left(self) -> None:
        """Forget the triggers and the drained margin of a position that is closed."""
        self.stop = self.take = None
        self.drained = Fraction(0)

    def reduced(self, before: int, after: int) -> None:
        """Keep of what funding has drained the part that belongs to the rest of the position."""
        self.drained *= Fraction(abs(after), abs(before))

    def adverse(self, steps: int, average: float) -> tuple[float | None, bool]:
        """Return the nearer of stop and liquidation price, and whether it is the latter; a tie is liquidated."""
        if not self.contract.isolated:
            return self.stop, False
        side = 1 if steps > 0 else -1
        qty = abs(steps) * self.contract.step
        leverage = self.contract.leverage
        self.bankrupt = bankruptcy_price(qty, average, side, leverage=leverage, drained=self.drained)
        liquidation = float(
            liquidation_price(
                qty,
                average,
                side,
                leverage=leverage,
                taker_fee=self.contract.taker_fee,
                tiers=self.contract.tiers,
                drained=self.drained,
            )
        )
        if self.stop is not None and side * (self.stop - liquidation) > 0:
            return self.stop, False
        return liquidation, True

    def price_of(self, order: Any, matched: float, *, row: int, at_open: bool) -> float:
        """Return what the taker pays or gets for `order`, which backtrader matched at `matched`."""
        side = 1 if order.isbuy() else -1
        liquidated = order.info["liquidation"]
        reference = float(self.bankrupt) if liquidated else matched
        taken = float(abs(int(order.executed.remsize)) * self.contract.step) * reference
        if at_open:
            if self.taken_at != row:
                self.taken, self.taken_at = {1: 0.0, -1: 0.0}, row
            self.taken[side] = taken = self.taken[side] + taken
        if liquidated or order.info["settlement"]:
            return away_from_trader(self.bankrupt if liquidated else Fraction(matched), side, self.contract.tick)
        moved = slipped(
            reference,
            side,
            taken=taken,
            depth=depth_before(self.turnover, row, DEPTH_BARS),
            half_spread_bps=self.contract.half_spread_bps,
            impact_k=self.contract.impact_k,
            impact_cap_bps=self.contract.impact_cap_bps,
        )
        return away_from_trader(moved, side, self.contract.tick)

    def forced_out(self) -> bool:
        """Return whether a resting order has filled, and latch the side it closed if so."""
        filled = next((order for order in self.resting if order.status == bt.Order.Completed), None)
        if filled is None:
            return False
        self.resting.clear()
        self.left()
        self.intent.forced_out(-1 if filled.isbuy() else 1)
        return True
