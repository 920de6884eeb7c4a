"""Drive backtrader through a sheet: orders at the open, triggers inside the bar, decisions at the close.

A bar is up to three passes of the broker. While the open is the only price there is (backtrader's
`tick_` prices, which its broker prefers to the bar's), resting orders meet it first; then the
decision's market orders are sent and meet it too; then the whole bar, with whatever has been armed
on the positions as they now are. Funding is cash added or taken between the passes.
"""

# mypy: disable-error-code="misc"
# backtrader carries no types, so every class of it is Any

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

import backtrader as bt
import numpy as np

from autarch.decisions import Decisions
from autarch.market.types import Market
from autarch.referee.house import Rows, house_of
from autarch.referee.intent import Intent
from autarch.referee.position import Held
from autarch.referee.result import FILL, Refereed, Table
from autarch.referee.sheet import Costs, Sheet, sheet_of

_NO_PRICE: Final = math.nan  # no comparison with it holds: nothing fills


def referee(market: Market, decisions: Decisions, *, costs: Costs, capital: float) -> Refereed:
    """Return what backtrader makes of `decisions` on `market`, by its own reading of docs/adr/0003.

    About 6,000 bars of a symbol a second.

    Args:
        market: One split; it may hold more symbols than are decided on.
        decisions: Exposures and distances on the market's rows.
        costs: Slippage assumptions; fees come from the instruments.
        capital: Quote the sleeve starts with.

    Raises:
        DataError: a symbol is missing, or the rows do not match.
        UndecidedError: backtrader did not fill an order that it must.
    """
    return play(sheet_of(market, decisions, costs=costs, capital=capital))


def play(sheet: Sheet) -> Refereed:
    """Return what backtrader makes of a sheet.

    Raises:
        UndecidedError: backtrader did not fill an order that it must.
    """
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=True)
    cerebro.broker = house_of(sheet.contracts, capital=sheet.capital)
    for contract, feed in zip(sheet.contracts, sheet.feeds, strict=True):
        cerebro.adddata(Rows(ts=sheet.ts, feed=feed), name=contract.symbol)
    cerebro.addstrategy(_Replay, sheet=sheet)
    found: Refereed = cerebro.run()[0].refereed()
    return found


class _Replay(bt.Strategy):
    """Turns a sheet's decisions into backtrader's orders and writes down what came of them."""

    params = (("sheet", None),)

    def __init__(self) -> None:
        self.sheet: Sheet = self.p.sheet
        self.row, self.at_open, self.ruined = -1, False, False
        shape = self.sheet.exposure.shape
        self.equity, self.steps = np.empty(shape[0]), np.zeros(shape)
        self.fills: list[tuple[int, int, float, float, float]] = []
        self.liquidations = 0
        self.symbols = [
            Held(
                column=column,
                contract=contract,
                feed=feed,
                intent=Intent(contract=contract),
                turnover=feed.turnover.tolist(),
            )
            for column, (contract, feed) in enumerate(zip(self.sheet.contracts, self.sheet.feeds, strict=True))
        ]
        self.broker.price_of = self._price_of

    def prenext_open(self) -> None:
        """Bars before the first full one are bars like any other."""
        self.next_open()

    def next_open(self) -> None:
        """Play the open: funding on what is carried in, what the open has jumped, the decision's orders."""
        self.row += 1
        self._pay(inside=False)
        self.at_open = True
        if any(held.resting for held in self.symbols):
            self._show_open()
            self.broker.next()
            self._collect_exits()
        acted = self._send_orders()
        if acted:
            self._show_open()
            self.broker.next()
            for held, raised in acted:
                self._arm(held, raised=raised)
        self.at_open = False
        self._show_bar()

    def next(self) -> None:
        """Play the rest: funding inside the bar on what its triggers left, delistings, the mark, the decisions."""
        self._collect_exits()
        self._pay(inside=True)
        self._settle_delisted()
        self.equity[self.row] = equity = self.broker.get_cash()
        for held in self.symbols:
            self.steps[self.row, held.column] = self._held(held)
        self.ruined = self.ruined or equity <= 0.0
        if self.row < len(self.equity) - 1:
            self._decide(equity)

    def prenext(self) -> None:
        """As `next`: no indicator needs a first bar."""
        self.next()

    def notify_order(self, order: Any) -> None:
        """Write down a fill, in the order the broker made them."""
        if order.status != bt.Order.Completed:
            return
        column, bit = order.info["column"], order.executed.exbits[-1]
        qty = float(int(bit.size) * self.sheet.contracts[column].step)
        self.fills.append((self.row, column, qty, bit.price, bit.comm))
        self.liquidations += bool(order.info["liquidation"])

    def refereed(self) -> Refereed:
        """Return what was written down."""
        table: Table = np.array(self.fills, dtype=FILL)
        step = [float(contract.step) for contract in self.sheet.contracts]
        closes = np.stack([feed.close for feed in self.sheet.feeds], axis=1)
        positions = self.steps * step
        with np.errstate(divide="ignore", invalid="ignore"):
            exposure = np.where(self.equity[:, None] > 0.0, positions * closes / self.equity[:, None], np.nan)
        return Refereed(
            symbols=self.sheet.symbols,
            equity=self.equity,
            positions=positions,
            exposure=np.where(positions == 0.0, 0.0, exposure),
            fills=table[np.lexsort((table["symbol"], table["row"]))],
            liquidations=self.liquidations,
        )

    def _held(self, held: Held) -> int:
        return int(self.broker.getposition(self.datas[held.column]).size)

    def _price_of(self, order: Any, matched: float) -> float:
        held: Held = self.symbols[order.info["column"]]
        return held.price_of(order, matched, row=self.row, at_open=self.at_open)

    def _pay(self, *, inside: bool) -> None:
        """Settle the row's stamps on what is held; a long pays a positive rate."""
        settled = False
        for held in self.symbols:
            steps, drained = self._held(held), held.drained
            for stamp in held.feed.stamps.get(self.row, ()):
                if steps and stamp.inside is inside:
                    payment = float(steps * held.contract.step) * stamp.price
                    self.broker.add_cash(-payment)
                    held.drained += max(Fraction(0), Fraction(payment))
                    settled = True
            if held.drained != drained:
                self._arm(held, raised=False)  # a drained margin brings the liquidation nearer
        if settled:
            self.broker.getvalue([self.datas[0]])  # makes backtrader book what has been added now, not a bar later

    def _settle_delisted(self) -> None:
        """Close what is held of a symbol that is delisted before the next bar, at the close, for the fee alone."""
        going = [held for held in self.symbols if held.feed.last_row == self.row and self._held(held)]
        if not going:
            return
        for held, data in zip(self.symbols, self.datas, strict=True):
            _show(data, data.close[0] if held in going else _NO_PRICE)
        for held in going:
            self._disarm(held)
            self._order(held, -self._held(held), settlement=True)
        self.broker.next()
        for held in going:
            held.left()
        while (order := self.broker.get_notification()) is not None:
            self.notify_order(order)

    def _show_open(self) -> None:
        """Let the broker see the open and nothing else; a row that is not traded has no price at all."""
        for held, data in zip(self.symbols, self.datas, strict=True):
            _show(data, data.open[0] if held.feed.traded[self.row] else _NO_PRICE)

    def _show_bar(self) -> None:
        for held, data in zip(self.symbols, self.datas, strict=True):
            _show(data, None if held.feed.traded[self.row] else _NO_PRICE)

    def _send_orders(self) -> list[tuple[Held, bool]]:
        """Send every decision's market orders; return the symbols that got some, and whether they raise."""
        acted = []
        for held in self.symbols:
            before = self._held(held)
            down, up = held.intent.orders(before, traded=bool(held.feed.traded[self.row]))
            for steps in (*down, *up):
                self._order(held, steps)
            if down:
                held.reduced(before, before + sum(down))
            if down or up:
                acted.append((held, bool(up)))
        return acted

    def _order(
        self, held: Held, steps: int, *, liquidation: bool = False, settlement: bool = False, **terms: Any
    ) -> Any:
        send = self.buy if steps > 0 else self.sell
        told = {"column": held.column, "liquidation": liquidation, "settlement": settlement}
        return send(data=self.datas[held.column], size=abs(steps), **told, **terms)

    def _arm(self, held: Held, *, raised: bool) -> None:
        """Let the triggers of the position as it now is rest at the broker, the adverse one first."""
        self._disarm(held)
        position = self.broker.getposition(self.datas[held.column])
        steps, average = int(position.size), position.price
        if not steps:
            held.left()
            return
        if raised:
            held.entered(1 if steps > 0 else -1, average)
        price, liquidation = held.adverse(steps, average)
        if price is not None and price > 0.0:
            terms = {"exectype": bt.Order.Stop, "price": price}
            held.resting.append(self._order(held, -steps, liquidation=liquidation, **terms))
        if held.take is not None:
            first = held.resting[0] if held.resting else None
            terms = {"exectype": bt.Order.Limit, "price": held.take, "oco": first}
            held.resting.append(self._order(held, -steps, **terms))

    def _disarm(self, held: Held) -> None:
        for order in held.resting:
            self.cancel(order)
        held.resting.clear()

    def _collect_exits(self) -> None:
        for held in self.symbols:
            held.forced_out()

    def _decide(self, equity: float) -> None:
        sheet, row = self.sheet, self.row
        for held in self.symbols:
            column = held.column
            held.intent.decide(
                0.0 if self.ruined else float(sheet.exposure[row, column]),
                equity=equity,
                slices=sheet.slices,
                close=float(held.feed.close[row]),
                stop=float(sheet.stop_loss[row, column]),
                take=float(sheet.take_profit[row, column]),
            )


def _show(data: Any, price: float | None) -> None:
    """Let the broker see `price` as the whole bar of `data`; None: the bar as it is."""
    data.tick_open = data.tick_high = data.tick_low = data.tick_close = price
