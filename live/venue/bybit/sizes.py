"""What each position should be: the size last read, plus every execution that came after it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from live.ports.venue import Execution
from live.venue.bybit.reads import Placed

KEPT_MAX: Final = 10_000


@dataclass(slots=True, kw_only=True)
class _Symbol:
    size: Decimal
    seq: int
    moves: dict[str, tuple[int, Decimal]] = field(default_factory=dict)  # by exec_id: (seq, signed quantity)


class Sizes:
    """Positions by bookkeeping. The venue's sequence numbers say which executions a position already holds."""

    def __init__(self) -> None:
        """Know no position."""
        self._symbols: dict[str, _Symbol] = {}
        self._links: OrderedDict[str, None] = OrderedDict()

    def read(self, placed: Placed) -> None:
        """Start anew from a position as it was read."""
        self._symbols[placed.position.symbol] = _Symbol(size=placed.position.size, seq=placed.seq)

    def executed(self, execution: Execution) -> None:
        """Count an execution; one that was counted before, or pays funding, changes nothing."""
        if execution.order_link_id:
            self._links[execution.order_link_id] = None
            if len(self._links) > KEPT_MAX:
                self._links.popitem(last=False)
        held = self._symbols.get(execution.symbol)
        if held is None or execution.exec_type == "Funding" or execution.order <= held.seq:
            return
        signed = execution.qty if execution.side == "Buy" else -execution.qty
        held.moves[execution.exec_id] = (execution.order, signed)
        if len(held.moves) > KEPT_MAX:
            self._fold(held)

    def has_filled(self, order_link_id: str) -> bool:
        """Return whether an execution of this order was ever told, by a stream or by a read."""
        return order_link_id in self._links

    def explains(self, placed: Placed) -> bool:
        """Return whether a position read now is what the executions known make of the one read before.

        True for a symbol that was never read: nothing is known against it.
        """
        held = self._symbols.get(placed.position.symbol)
        if held is None:
            return True
        moved = sum((qty for seq, qty in held.moves.values() if seq <= max(placed.seq, held.seq)), Decimal(0))
        return held.size + moved == placed.position.size

    @staticmethod
    def _fold(held: _Symbol) -> None:
        held.seq = max(seq for seq, _ in held.moves.values())
        held.size += sum((qty for _, qty in held.moves.values()), Decimal(0))
        held.moves.clear()
