"""The referee: backtrader replays the same decisions with its own broker, and must find the same numbers.

An independent second opinion. Nothing here imports `autarch.engine` when it runs: sizes, rounding,
slippage and triggers are read from docs/adr/0003 once more, in exact fractions; fills, cash, fees
and the average entry are backtrader's. What a disagreement means stands in docs/adr/0016.
"""

from autarch.referee.compare import TOLERANCE, Disagreement, disagreement, worst_difference
from autarch.referee.replay import referee
from autarch.referee.result import FILL, Refereed

__all__ = ["FILL", "TOLERANCE", "Disagreement", "Refereed", "disagreement", "referee", "worst_difference"]
