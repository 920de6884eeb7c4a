"""backtrader's side: a futures-like commission scheme, its broker with our prices, a feed of arrays.

Matching, the fill queue, cash, fees and the average entry are backtrader's own code. Sizes are whole
quantity steps and `mult` is the step, so that adding and closing are exact. Cash is the equity: with a
zero margin nothing is locked, and every position is marked to the close into cash at the end of a bar.
"""

# mypy: disable-error-code="misc"
# backtrader carries no types, so every class of it is Any

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import backtrader as bt
import numpy as np

from autarch.errors import UndecidedError
from autarch.market.types import Ints
from autarch.referee.sheet import Contract, Feed

_ORDINAL_OF_EPOCH: Final = 719_163.0  # date.toordinal of 1970-01-01: backtrader counts days from year 1
_DAY_MS: Final = 86_400_000.0
_LOAN_OF_CAPITAL: Final = 64.0


class PerpetualTerms(bt.CommInfoBase):
    """A linear perpetual: a fee in parts of notional, no margin that the broker would hold back."""

    params = (("stocklike", False), ("commtype", bt.CommInfoBase.COMM_PERC), ("percabs", True), ("margin", 1.0))

    def get_margin(self, price: float) -> float:  # noqa: ARG002  backtrader's signature
        """Return 0.0: the sleeve's leverage is the strategy's business, its liquidation an order of ours."""
        return 0.0

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:  # noqa: ARG002, FBT001  likewise
        """Return the fee; backtrader's own leaves out `mult`, and with it the size of a step."""
        return float(abs(size) * self.p.mult * price * self.p.commission)


class House(bt.brokers.BackBroker):
    """backtrader's broker, which asks `price_of` what a matched price becomes for the taker.

    backtrader's own slippage is one percentage for all orders, and none for a touched limit. The
    override is its one private method where every kind of order arrives with its matched price.
    """

    price_of: Callable[[Any, float], float]
    lend_below: float = 0.0

    def _execute(self, order: Any, ago: int | None = None, price: float | None = None, **rest: Any) -> Any:
        """Fill at the taker's price; lend while cash is short, since cash below zero makes backtrader drop entries."""
        if ago is None or price is None:
            return super()._execute(order, ago=ago, price=price, **rest)
        loan = 0.0 if self.cash > self.lend_below else _LOAN_OF_CAPITAL * self.startingcash
        self.cash += loan
        super()._execute(order, ago=ago, price=self.price_of(order, price), **rest)
        self.cash -= loan
        if order.status == bt.Order.Margin:
            raise UndecidedError(f"backtrader refused an order of {order.size} steps with cash at {self.cash}")
        return None


def house_of(contracts: tuple[Contract, ...], *, capital: float) -> House:
    """Return a broker with `capital` that knows each contract by its symbol."""
    house = House(cash=capital, checksubmit=False)
    house.lend_below = capital / 4
    for contract in contracts:
        scheme = PerpetualTerms(mult=float(contract.step), commission=contract.taker_fee)
        house.addcommissioninfo(scheme, name=contract.symbol)
    return house


class Rows(bt.feed.DataBase):
    """A data feed of arrays, bar by bar through backtrader's loader."""

    params = (("ts", None), ("feed", None))

    def start(self) -> None:
        """Lay out the rows as tuples."""
        super().start()
        feed: Feed = self.p.feed
        ts: Ints = self.p.ts
        days = _ORDINAL_OF_EPOCH + ts / _DAY_MS
        self._rows = iter(np.column_stack([days, feed.open, feed.high, feed.low, feed.close]).tolist())

    def _load(self) -> bool:
        row = next(self._rows, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0] = row
        lines.volume[0] = lines.openinterest[0] = 0.0
        return True
