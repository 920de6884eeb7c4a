"""The referee: backtrader replays the same decisions with its own broker, and must find the same numbers.

An independent second opinion. Nothing here imports `autarch.engine` when it runs: sizes, rounding,
slippage and triggers are read from docs/adr/0003 once more, in exact fractions; fills, cash, fees
and the average entry are backtrader's. What a disagreement means stands in docs/adr/0016.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autarch.referee.compare import TOLERANCE, Disagreement, disagreement, worst_difference
from autarch.referee.result import FILL, Refereed

if TYPE_CHECKING:
    from autarch.referee.replay import referee

__all__ = ["FILL", "TOLERANCE", "Disagreement", "Refereed", "disagreement", "referee", "worst_difference"]


def __getattr__(name: str) -> Any:
    """Import backtrader, and with it pandas, for those alone who replay in their own process: half a gate's start."""
    if name == "referee":
        from autarch.referee.replay import referee  # noqa: PLC0415  see above

        return referee
    raise AttributeError(name)
