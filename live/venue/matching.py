"""The matching core of one symbol: bars in, executions out, by the engine's own functions.

Assumes that every market order fills whole at the open with the cost model's slippage, that nobody
else reacts, and that a bar's extremes reach every resting trigger: what the backtest assumes, so that
both give the same fills to the last bit. It is unfit to tell what a real book would have done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine.packing import listed_rows, marks_at, paid_stamps, settled_row
from autarch.engine.state import (
    fill_market,
    inside_bar,
    jumped_at_open,
    market_depth,
    new_state,
    pay_funding,
    settle_delisted,
)
from autarch.errors import VenueRejected
from autarch.market.types import Market
from live.lines import Line, to_decimal
from live.venue.port import CreateType, ExecType, OrderRequest, Position, Side

_CREATED: dict[float, tuple[ExecType, CreateType]] = {
    at.CLOSE: ("Trade", "CreateByUser"),
    at.REDUCE: ("Trade", "CreateByUser"),
    at.ENTRY_FILL: ("Trade", "CreateByUser"),
    at.STOP_OUT: ("Trade", "CreateByStopLoss"),
    at.TAKE_PROFIT: ("Trade", "CreateByTakeProfit"),
    at.LIQUIDATED: ("BustTrade", "CreateByLiq"),
    at.SETTLED: ("Settle", "CreateBySettle"),
    at.FUNDING_PAID: ("Funding", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One fill or funding payment, before the account gives it a number."""

    exec_type: ExecType
    create_type: CreateType
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    time_ms: EpochMs


class SymbolMatching:
    """One symbol's bars, position and triggers. `row` is the bar that is open; -1 before the first."""

    def __init__(self, line: Line, market: Market) -> None:
        """Stand before the first bar of `market`, flat."""
        series = line.series
        self.line = line
        self.row = -1
        self.state = new_state()
        self._ts = market.ts.tolist()
        # Lists: a bar looks at single values, and arrays make an object of each.
        self._traded = listed_rows(market, series, line.instrument).tolist()
        self._stamps = series.funding_ms[: paid_stamps(series, line.instrument)].tolist()
        self._settled_row = settled_row(market, line.instrument)
        # Contiguous and writable: another layout would be another type to numba, compiled anew.
        self._turnover = np.require(series.turnover, np.float64, ("C", "W", "A"))
        self._open: list[float] = series.open.tolist()
        self._high: list[float] = series.high.tolist()
        self._low: list[float] = series.low.tolist()
        self._close: list[float] = series.close.tolist()
        self._marks = marks_at(market, series, series.funding_ms)
        self._stamp = 0
        self._reported: tuple[bytes, Position] | None = None
        self._out = np.empty((at.EVENTS_A_BAR, at.N_EVENT))

    @property
    def time_ms(self) -> EpochMs:
        """Open of the present bar."""
        return EpochMs(self._ts[self.row])

    @property
    def last_price(self) -> float:
        """Newest price before the present bar's open: what a filter on notional is tested at."""
        return self._close[max(0, self.row - 1)]

    def open_bar(self) -> Iterator[Happened]:
        """Open the next bar: funding stamped at its open, then triggers that the open has jumped."""
        self.row += 1
        opened = self.time_ms
        yield from self._settle(before=opened + 1, phase=at.AT_OPEN)
        if self._traded[self.row]:
            count = jumped_at_open(
                self.state, self.line.terms, self.line.tiers, self._open[self.row], self._depth(), self._out, 0
            )
            yield from self._happened(count, opened)

    def close_bar(self) -> Iterator[Happened]:
        """Play the inside of the present bar: stop, liquidation, take-profit, then funding stamped in it."""
        closes = EpochMs(self.time_ms + self.line.interval_ms)
        if self._traded[self.row] and self.state[at.POSITION] != 0.0:
            prices = (self._open[self.row], self._high[self.row], self._low[self.row])
            count = inside_bar(self.state, self.line.terms, self.line.tiers, *prices, self._depth(), self._out, 0)
            yield from self._happened(count, EpochMs(closes - 1))
        yield from self._settle(before=closes, phase=at.INSIDE)
        if self.row == self._settled_row and self.state[at.POSITION] != 0.0:
            close = self._close[self.row]
            count = settle_delisted(self.state, self.line.terms, self.line.tiers, close, self._out, 0)
            yield from self._happened(count, EpochMs(closes - 1))

    def check(self, order: OrderRequest) -> None:
        """Refuse an order that the venue's filters would refuse.

        Raises:
            VenueRejected: which filter, what was found. Codes as in Bybit's error table.
        """
        instrument, symbol = self.line.instrument, order.symbol
        if not self._traded[self.row]:
            raise VenueRejected(f"110074: {symbol} does not trade now")
        if order.qty <= 0 or order.qty % instrument.qty_step != 0:
            raise VenueRejected(
                f"10001: qty {order.qty} of {symbol} is not a positive multiple of {instrument.qty_step}"
            )
        if order.qty > instrument.max_market_qty:
            raise VenueRejected(f"10001: qty {order.qty} of {symbol} is above the maximum {instrument.max_market_qty}")
        held = self.state[at.POSITION]
        if order.reduce_only:
            if held == 0.0 or (held > 0.0) == (order.side == "Buy"):
                raise VenueRejected(f"110017: {symbol} has no position that this reduce-only order could reduce")
            return
        if order.qty < instrument.min_order_qty:
            raise VenueRejected(f"10001: qty {order.qty} of {symbol} is below the minimum {instrument.min_order_qty}")
        if self.line.coins(self.line.steps(order.qty)) * self.last_price < float(instrument.min_notional):
            raise VenueRejected(f"110094: {symbol}: notional is below the minimum {instrument.min_notional}")

    def fill(self, order: OrderRequest) -> Iterator[Happened]:
        """Fill a checked order at the open; what is beyond a reduce-only order's position is cut."""
        signed = self.line.steps(order.qty) * (1.0 if order.side == "Buy" else -1.0)
        held = float(self.state[at.POSITION])
        lowers = max(-abs(held), -abs(signed)) if held * signed < 0.0 else 0.0
        parts = [(at.CLOSE if -lowers == abs(held) else at.REDUCE, np.copysign(lowers, signed))] if lowers else []
        rest = signed - np.copysign(lowers, signed)
        if rest != 0.0 and not order.reduce_only:
            parts.append((at.ENTRY_FILL, rest))
        for kind, steps in parts:
            yield from self._fill(kind, float(steps), order)

    def position(self) -> Position:
        """Return the position as the venue reports it."""
        now = self.state[at.POSITION : at.TAKE + 1].tobytes()
        if self._reported is None or now != self._reported[0]:
            self._reported = now, self._report()
        return self._reported[1]

    def _report(self) -> Position:
        entry, stop, take = (float(self.state[i]) for i in (at.ENTRY, at.STOP, at.TAKE))
        return Position(
            symbol=self.line.symbol,
            size=self.line.qty(self.state[at.POSITION]),
            entry_price=None if np.isnan(entry) else to_decimal(entry),
            stop_loss=None if np.isnan(stop) else to_decimal(stop),
            take_profit=None if np.isnan(take) else to_decimal(take),
        )

    def _depth(self) -> float:
        return market_depth(self._turnover, self.row, self.line.terms)

    def _fill(self, kind: float, steps: float, order: OrderRequest) -> Iterator[Happened]:
        stop = np.nan if order.stop_loss_frac is None else float(order.stop_loss_frac)
        take = np.nan if order.take_profit_frac is None else float(order.take_profit_frac)
        count = fill_market(
            self.state,
            self.line.terms,
            self.line.tiers,
            kind,
            at.AT_OPEN,
            steps,
            self._open[self.row],
            self._depth(),
            stop,
            take,
            self._out,
            0,
        )
        yield from self._happened(count, self.time_ms)

    def _settle(self, *, before: int, phase: float) -> Iterator[Happened]:
        series = self.line.series
        while self._stamp < len(self._stamps) and self._stamps[self._stamp] < before:
            stamp, mark = EpochMs(self._stamps[self._stamp]), self._marks[self._stamp]
            rate = series.funding_rate[self._stamp]
            self._stamp += 1
            count = pay_funding(self.state, self.line.terms, self.line.tiers, rate, mark, phase, self._out, 0)
            yield from self._happened(count, stamp)

    def _happened(self, count: int, time_ms: EpochMs) -> Iterator[Happened]:
        if count == 0:
            return
        for event in self._out[:count].tolist():
            exec_type, create_type = _CREATED[int(event[at.E_KIND])]
            yield Happened(
                exec_type=exec_type,
                create_type=create_type,
                symbol=self.line.symbol,
                side="Buy" if event[at.E_STEPS] > 0.0 else "Sell",
                qty=self.line.qty(abs(event[at.E_STEPS])),
                price=to_decimal(event[at.E_PRICE]),
                fee=to_decimal(event[at.E_FEE]),
                time_ms=time_ms,
            )
