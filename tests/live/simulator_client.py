"""A client that trades a table of decisions on an exchange as the contract says, by the engine's own functions."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from autarch.engine import layout as at
from autarch.engine import rules
from autarch.engine.state import apply_fill, apply_funding, new_state, on_decision, own_equity, plan_orders
from autarch.engine.terms import TICK_SCALE, TICK_UNIT
from live.lines import lines_of, to_decimal
from live.simulator.core.contract import Contract
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import RecordedBars
from live.simulator.core.requests import CreateOrder

KINDS = {
    "CreateByStopLoss": at.STOP_OUT,
    "CreateByTakeProfit": at.TAKE_PROFIT,
    "CreateByTakeOver_PassThrough": at.LIQUIDATED,
    "CreateBySettle": at.SETTLED,
}


def contracts_of(market, costs, **changes):
    facts = {"max_limit_qty": Decimal(10**6), "price_limit_frac": Decimal("0.5"), **changes}
    return [
        Contract(instrument=instrument, costs=costs, funding=series.funding_schedule, **facts)
        for instrument, series in zip(market.instruments, market.series, strict=True)
    ]


class TableClient:
    """Plays `table` on an exchange of its own that holds each open for 20 s; acts `lag_ms` after the bar."""

    def __init__(self, market, table, manifest, costs, *, lag_ms=700):
        capital = 100_000
        self.market, self.table, self.lag_ms = market, table, lag_ms
        self.exchange = Exchange(
            contracts_of(market, costs), RecordedBars(market, hold_ms=20_000), start_ms=int(market.ts[0])
        )
        self.exchange.open_account("me", Decimal(capital) * 1000)
        self.lines = {line.symbol: line for line in lines_of(market, manifest, costs)}
        self.states = {symbol: new_state() for symbol in self.lines}
        self.capital = float(capital)
        self.executions, self.read, self.orders = [], 0, 0
        leverage = Decimal(int(np.ceil(manifest.max_leverage)) + 1)
        for symbol in self.lines:
            self.exchange.set_leverage("me", symbol, leverage)

    def run(self):
        for row, start in enumerate(self.market.ts.tolist()):
            self.exchange.advance(start + self.lag_ms)
            if row > 0:
                self.absorb(before=start)
                self.decide(row - 1)
            self.absorb(before=start + self.lag_ms + 1)
            for symbol in self.lines:
                self.trade(symbol, row)
        end = int(self.market.ts[-1]) + self.market.interval_ms
        self.exchange.advance(end)
        self.absorb(before=end + 1)
        return self

    def equity(self, row):
        equity = self.capital
        for symbol, line in self.lines.items():
            equity += own_equity(self.states[symbol], line.terms, float(line.series.close[row]))
        return equity

    def absorb(self, *, before):
        rows = self.exchange.accounts["me"].executions
        while self.read < len(rows) and rows[self.read].time_ms < before:
            row = rows[self.read]
            self.read += 1
            line, state = self.lines[row.symbol], self.states[row.symbol]
            self.executions.append(row)
            if row.exec_type == "Funding":
                apply_funding(state, line.terms, line.tiers, float(row.exec_fee))
                continue
            steps = line.steps(row.exec_qty) * (1.0 if row.side == "Buy" else -1.0)
            kind = KINDS.get(row.create_type, at.ENTRY_FILL if row.closed_size == 0 else at.REDUCE)
            stop, take = state[at.STOP_DISTANCE], state[at.TAKE_DISTANCE]
            numbers = (steps, float(row.exec_price), float(row.exec_fee))
            apply_fill(state, line.terms, line.tiers, kind, *numbers, stop, take)

    def decide(self, row):
        equity, table = self.equity(row), self.table
        for column, symbol in enumerate(table.symbols):
            if table.counts[row, column]:
                line = self.lines[symbol]
                wanted = (table.exposure[row, column], table.stop_loss[row, column], table.take_profit[row, column])
                close = float(line.series.close[row])
                on_decision(self.states[symbol], line.terms, *(float(v) for v in wanted), equity, close)

    def trade(self, symbol, row):
        state, line = self.states[symbol], self.lines[symbol]
        if state[at.PENDING] == at.NOTHING:
            return
        orders, out = np.empty((at.ORDERS_MAX, 2)), np.empty((at.EVENTS_A_BAR, at.N_EVENT))
        count, _ = plan_orders(state, line.terms, bool(line.series.traded[row]), orders, out, 0)
        for kind, steps in orders[:count].tolist():
            self.orders += 1
            entry = kind == at.ENTRY_FILL
            self.exchange.create(
                "me",
                CreateOrder(
                    symbol=symbol,
                    side="Buy" if steps > 0 else "Sell",
                    order_type="Market",
                    qty=line.qty(abs(steps)),
                    order_link_id=f"t-{self.orders}",
                    reduce_only=not entry,
                ),
            )
            self.absorb(before=self.exchange.now_ms + 1)
            if entry and state[at.POSITION] != 0:
                self.protect(symbol)

    def protect(self, symbol):
        state, line = self.states[symbol], self.lines[symbol]
        side = rules.sign(state[at.POSITION])
        ticks = (line.terms[TICK_UNIT], line.terms[TICK_SCALE])
        stop = rules.trigger_price(state[at.ENTRY], -side, state[at.STOP_DISTANCE], *ticks)
        take = rules.trigger_price(state[at.ENTRY], side, state[at.TAKE_DISTANCE], *ticks)
        prices = {
            name: Decimal(0) if np.isnan(v) else to_decimal(v)
            for name, v in (("stop_loss", stop), ("take_profit", take))
        }
        self.exchange.accounts["me"].holdings[symbol].set_triggers(
            **{name: price or None for name, price in prices.items()}
        )
