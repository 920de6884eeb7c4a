"""What may be so for a moment and must not last: a position without its stop, an exit that nobody pursues."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from live.simulator.core.rows import ExecutionRow, OrderRow

BARE_MS: Final = 100_000
"""How long a position may be without its stop while everything works: two looks at the whole account."""
EXIT_MS: Final = 50_000
"""How long a position may be larger than its target with no word about any order; no wait for a try is as long."""
WORTH: Final = Decimal(6)
"""USDT below which a reduction is too small to be sent."""


@dataclass(slots=True)
class Lasting:
    """Since when each thing has been so."""

    since: dict[Hashable, int] = field(default_factory=dict)

    def lasts_ms(self, what: Hashable, *, so: bool, now_ms: int, from_ms: int) -> int:
        """Return how long `what` has been so since `from_ms`; 0 while it is not."""
        if not so:
            self.since.pop(what, None)
            return 0
        return now_ms - max(self.since.setdefault(what, now_ms), from_ms)


def is_too_large(held: Decimal, target: Decimal, price: Decimal) -> bool:
    """Return whether a position has to be lowered by more than a venue's smallest order."""
    beyond = abs(held) if held * target <= 0 else abs(held) - abs(target)
    return beyond * price > WORTH


def is_by_hand(row: ExecutionRow, known: bool) -> bool:  # noqa: FBT001  one word of a sentence
    """Return whether somebody else than the executor and the venue has traded; `known`: an intent names the order."""
    return row.exec_type == "Trade" and row.create_type == "CreateByUser" and not known


def stop_of(orders: Iterable[OrderRow], held: Decimal) -> OrderRow | None:
    """Return the stop of a whole position, None without one."""
    side = "Sell" if held > 0 else "Buy"
    found = (one for one in orders if one.stop_order_type == "StopLoss" and one.side == side)
    return next((one for one in found if one.qty == abs(held)), None)
