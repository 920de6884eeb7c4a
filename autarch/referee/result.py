"""What the referee found: equity and positions by bar, and every fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from autarch.market.types import Floats

Table = NDArray[Any]

FILL: Final = np.dtype(
    [
        ("row", "<i8"),
        ("symbol", "<i8"),  # column
        ("qty", "<f8"),  # signed coins, positive for a buy
        ("price", "<f8"),
        ("fee", "<f8"),  # quote
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refereed:
    """What backtrader made of the decisions. Arrays are by bar (n,), or by bar and symbol (n, m).

    Attributes:
        symbols: Columns.
        equity: (n,) quote at each close: the broker's cash, marked every bar.
        positions: (n, m) signed coins held at each close.
        exposure: (n, m) signed notional / equity at each close; NaN while a position is held and
            equity is not positive.
        fills: `FILL`, by row and then symbol, in the order the broker made them.
        liquidations: Fills among them that the venue forced at a bankruptcy price.
    """

    symbols: tuple[str, ...]
    equity: Floats
    positions: Floats
    exposure: Floats
    fills: Table
    liquidations: int
