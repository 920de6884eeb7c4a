"""What the live path is asked to play again, and what came of it: plain arrays that two processes exchange.

The live path is another package, which the gate does not import; both know this module alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from autarch.decisions import Decisions
from autarch.manifest import Manifest
from autarch.market.types import Bools, Floats, Market
from autarch.referee.result import Table

if TYPE_CHECKING:
    from autarch.engine import CostModel

MODULE: Final = "live.rehearsal"
"""What answers: `python -m` of this, by name, since nothing here may import it."""

ORDERED: Final = np.dtype(
    [
        ("row", "<i8"),  # the bar at whose open it was sent
        ("symbol", "<i8"),  # column
        ("leg", "U6"),  # close, reduce or enter
        ("qty", "<f8"),  # signed coins, positive for a buy
    ]
)
FILLED: Final = np.dtype(
    [
        ("row", "<i8"),
        ("symbol", "<i8"),
        ("cause", "U16"),  # order, stop, take-profit, liquidation or settlement
        ("qty", "<f8"),
        ("price", "<f8"),
        ("fee", "<f8"),  # quote
    ]
)
PAID: Final = np.dtype(
    [
        ("ts", "<i8"),  # the settlement stamp, ms
        ("symbol", "<i8"),
        ("qty", "<f8"),  # signed coins held
        ("mark", "<f8"),
        ("payment", "<f8"),  # quote paid, negative when received
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Decisions to be traded once by the executor on the paper venue, over bars that begin flat.

    `capital` in quote. No limit of an account applies.
    """

    market: Market
    decisions: Decisions
    manifest: Manifest
    costs: CostModel
    capital: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What the executor journalled. Tables in the order in which things happened.

    Attributes:
        decided: (n, m) whether the bar was decided on.
        wanted: exposure, stop_loss and take_profit by name, each (n, m), NaN where nothing was wanted.
        equity: (n,) quote at each close that was decided on, else NaN; the last row is always there.
        orders: `ORDERED`.
        fills: `FILLED`.
        funding: `PAID`.
    """

    decided: Bools
    wanted: Mapping[str, Floats]
    equity: Floats
    orders: Table
    fills: Table
    funding: Table
