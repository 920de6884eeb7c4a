"""What one symbol's decisions ask for, from the close that decided to the orders at an open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from autarch.referee.reading import pieces, whole_towards_zero
from autarch.referee.sheet import Contract

ORDERS_A_LEG: Final = 50


def side_of(value: float) -> int:
    """Return 1, 0 or -1."""
    return (value > 0) - (value < 0)


@dataclass(slots=True, kw_only=True)
class Intent:
    """The newest decision on one symbol and what is left of it. Quantities are signed whole steps.

    Attributes:
        contract: Terms of the symbol.
        decided: Exposure last decided.
        wanted: Position it asked for, in steps.
        fresh: No open has come since.
        lowering: What lowers the position is not done yet.
        close: Price decided at, for the venue's least notional.
        stop: Distance of that decision, NaN for none.
        take: Likewise.
        latched: Side that was forced out and must stay flat, or 0.
    """

    contract: Contract
    decided: float = 0.0
    wanted: int = 0
    fresh: bool = False
    lowering: bool = False
    close: float = math.nan
    stop: float = math.nan
    take: float = math.nan
    latched: int = 0

    def decide(  # noqa: PLR0913  one decision
        self, exposure: float, *, equity: float, slices: int, close: float, stop: float, take: float
    ) -> None:
        """Take the decision of a bar that has closed; the same number again changes nothing."""
        if side_of(exposure) != self.latched:
            self.latched = 0
        if exposure == self.decided:
            return
        coins = Fraction(exposure) * Fraction(equity) / slices / Fraction(close)
        self.decided, self.wanted = exposure, whole_towards_zero(coins / self.contract.step)
        self.fresh, self.close, self.stop, self.take = True, close, stop, take

    def forced_out(self, side: int) -> None:
        """Latch `side` after a stop, take-profit or liquidation, unless zero or the other side is already decided."""
        self.latched = side if side_of(self.decided) == side else 0

    def orders(self, held: int, *, traded: bool) -> tuple[list[int], list[int]]:
        """Return the signed orders of this open on a position of `held` steps: what lowers it, then what raises it."""
        if not (self.fresh or self.lowering):
            return [], []
        fresh, self.fresh = self.fresh, False
        target = 0 if self.latched else self.wanted
        onward = held * target > 0
        cut = max(0, abs(held) - abs(target)) if onward else abs(held)
        add = max(0, abs(target) - abs(held)) if onward else abs(target)
        self.wanted, self.lowering = held - side_of(held) * cut, cut > 0
        if not traded:
            return [], []
        if 0 < cut < abs(held) and self._too_small(cut):
            self.lowering = False
            return [], []
        down = self._split(cut, -side_of(held))
        if not fresh or not add or sum(map(abs, down)) < cut or self._too_small(add):
            return down, []
        self.lowering = False
        return down, self._split(add, side_of(target))

    def _too_small(self, steps: int) -> bool:
        """Return whether the venue would refuse the order; the close is the decimal that the venue prints."""
        qty = steps * self.contract.step
        return qty < self.contract.qty_min or qty * Fraction(Decimal(repr(self.close))) < self.contract.notional_min

    def _split(self, steps: int, side: int) -> list[int]:
        if not steps:
            return []
        return [side * part for part in pieces(steps, self.contract.order_steps_max, ORDERS_A_LEG)]
