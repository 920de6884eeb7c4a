"""The seam that live drives: step by step from Python it must give what the kernel gives, fill by fill."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.engine import layout as at
from autarch.engine import state
from autarch.engine.packing import marks_at
from autarch.engine.result import tables_of
from autarch.engine.terms import terms_of, tiers_of
from autarch.errors import DataError


class Venue:
    """Holds the position half: plays funding, triggers and orders, and returns the events of each call."""

    def __init__(self, series, terms, tiers):
        self.series, self.terms, self.tiers = series, terms, tiers
        self.state = state.new_state()
        self.out = np.empty((at.EVENTS_A_BAR, at.N_EVENT))

    def depth(self, row):
        return state.market_depth(self.series.turnover, row, self.terms)

    def fund(self, market, since, until, phase):
        stamps = self.series.funding_ms
        chosen = np.flatnonzero((stamps >= since) & (stamps < until))
        marks = marks_at(market, self.series, stamps)
        events = []
        for k in chosen:
            rate, mark = self.series.funding_rate[k], marks[k]
            n = state.pay_funding(self.state, self.terms, self.tiers, rate, mark, phase, self.out, 0)
            self.out[:n, at.E_TIME] = stamps[k]
            events.append(self.out[:n].copy())
        return events

    def open(self, row):
        n = state.jumped_at_open(
            self.state, self.terms, self.tiers, self.series.open[row], self.depth(row), self.out, 0
        )
        return self.out[:n].copy()

    def order(self, row, kind, steps, stop, take):
        n = state.fill_market(
            self.state,
            self.terms,
            self.tiers,
            kind,
            at.AT_OPEN,
            steps,
            self.series.open[row],
            self.depth(row),
            stop,
            take,
            self.out,
            0,
        )
        return self.out[:n].copy()

    def inside(self, row):
        bars = self.series
        n = state.inside_bar(
            self.state,
            self.terms,
            self.tiers,
            bars.open[row],
            bars.high[row],
            bars.low[row],
            self.depth(row),
            self.out,
            0,
        )
        return self.out[:n].copy()


class Executor:
    """Holds the decision half and learns of its position from fills alone."""

    def __init__(self, terms, tiers):
        self.terms, self.tiers = terms, tiers
        self.state = state.new_state()
        self.out = np.empty((at.EVENTS_A_BAR, at.N_EVENT))
        self.orders = np.empty((at.ORDERS_MAX, 2))

    def absorb(self, events):
        for event in events:
            if event[at.E_KIND] == at.FUNDING_PAID:
                state.apply_funding(self.state, self.terms, self.tiers, event[at.E_FEE])
            elif event[at.E_KIND] <= at.LIQUIDATED:
                stop, take = self.state[at.STOP_DISTANCE], self.state[at.TAKE_DISTANCE]
                state.apply_fill(
                    self.state,
                    self.terms,
                    self.tiers,
                    event[at.E_KIND],
                    event[at.E_STEPS],
                    event[at.E_PRICE],
                    event[at.E_FEE],
                    stop,
                    take,
                )

    def plan(self, traded):
        count, n = state.plan_orders(self.state, self.terms, traded, self.orders, self.out, 0)
        return self.orders[:count].copy(), self.out[:n].copy()


def fund_at_open(market, row, venue, executor):
    ts = market.ts[row]
    for batch in venue.fund(market, ts, ts + 1, at.AT_OPEN):
        executor.absorb(batch)
        yield batch


def play_open(_market, row, venue, executor):
    traded = bool(venue.series.traded[row])
    if traded:
        jumped = venue.open(row)
        executor.absorb(jumped)
        yield jumped
    orders, skips = executor.plan(traded)
    stop, take = executor.state[at.STOP_DISTANCE], executor.state[at.TAKE_DISTANCE]
    fills = [venue.order(row, kind, steps, stop, take) for kind, steps in orders]
    for batch in fills:
        executor.absorb(batch)
    yield from [skips, *fills]


def play_inside(market, row, venue, executor):
    ts = market.ts[row]
    batches = [venue.inside(row)] if venue.series.traded[row] else []
    for batch in [*batches, *venue.fund(market, ts + 1, ts + market.interval_ms, at.INSIDE)]:
        executor.absorb(batch)
        yield batch


def drive(market, decisions, costs, capital):
    """Play the market with one venue and one executor a symbol, as live does."""
    pairs = []
    for symbol in decisions.symbols:
        index = market.symbols.index(symbol)
        contract = market.instruments[index]
        terms = terms_of(contract, costs, max_leverage=decisions.max_leverage, fraction=decisions.slice_fraction())
        tiers = tiers_of(contract)
        pairs.append((Venue(market.series[index], terms, tiers), Executor(terms, tiers)))
    log, equity, ruined = [], [], False
    for row, ts in enumerate(market.ts):
        for phase in (fund_at_open, play_open, play_inside):
            for symbol, (venue, executor) in enumerate(pairs):
                for batch in phase(market, row, venue, executor):
                    batch[:, at.E_ROW], batch[:, at.E_SYMBOL] = row, symbol
                    stamped = batch[:, at.E_KIND] == at.FUNDING_PAID
                    batch[:, at.E_TIME] = np.where(stamped, batch[:, at.E_TIME], ts)
                    log.append(batch)
        close = sum(state.own_equity(e.state, e.terms, v.series.close[row]) for v, e in pairs)
        equity.append(capital + close)
        ruined = ruined or equity[-1] <= 0
        if row < market.n_bars - 1:
            for symbol, (venue, executor) in enumerate(pairs):
                state.on_decision(
                    executor.state,
                    executor.terms,
                    0.0 if ruined else decisions.exposure[row, symbol],
                    decisions.stop_loss[row, symbol],
                    decisions.take_profit[row, symbol],
                    equity[-1],
                    venue.series.close[row],
                )
    return tables_of(np.concatenate(log)), np.array(equity)


@pytest.mark.parametrize("seed", range(12))
def test_driven_step_by_step_it_gives_what_the_kernel_gives(desk, seed):
    market, decisions = desk.random_case(seed)

    result = desk.backtest(market, decisions, costs=desk.rough)
    tables, equity = drive(market, decisions, desk.rough, 1000.0)

    assert result.fills.size > 20
    for name in ("qty", "price", "fee", "kind", "row", "symbol", "phase", "reference", "realised", "position", "ts"):
        assert tables.fills[name].tolist() == result.fills[name].tolist(), name
    assert tables.funding[["row", "ts", "payment"]].tolist() == result.funding[["row", "ts", "payment"]].tolist()
    skipped = ["row", "symbol", "reason", "qty"]
    assert sorted(tables.skipped[skipped].tolist()) == sorted(result.skipped[skipped].tolist())
    assert equity == pytest.approx(result.equity, rel=1e-12)


def test_the_random_markets_meet_every_kind_of_event(desk):
    kinds, reasons = set(), set()
    for seed in range(12):
        result = desk.backtest(*desk.random_case(seed), costs=desk.rough)
        kinds |= set(result.fills["kind"].tolist())
        reasons |= set(result.skipped["reason"].tolist())

    assert kinds == {at.CLOSE, at.REDUCE, at.ENTRY_FILL, at.STOP_OUT, at.TAKE_PROFIT, at.LIQUIDATED}
    assert reasons >= {at.SKIP_NOT_TRADED, at.SKIP_LATCHED, at.SKIP_TOO_SMALL}


def test_state_survives_the_journal(desk):
    market, decisions = desk.random_case(3)
    result = desk.backtest(market, decisions, costs=desk.rough)

    for found in (*result.states, state.new_state()):
        again = state.state_from_json(state.state_to_json(found))
        assert np.array_equal(again, found, equal_nan=True)


def test_a_journal_of_another_version_is_refused():
    fields = state.state_to_json(state.new_state())
    del fields["latch"]

    with pytest.raises(DataError, match="latch"):
        state.state_from_json(fields)


def test_an_order_that_did_not_fill_is_planned_again_when_it_lowers_and_not_when_it_raises(desk):
    contract = desk.instrument()
    terms = terms_of(contract, desk.free, max_leverage=1.0, fraction=1.0)
    executor = Executor(terms, tiers_of(contract))

    state.on_decision(executor.state, terms, 0.5, np.nan, np.nan, 1000.0, 100.0)
    first, _ = executor.plan(traded=True)
    again, _ = executor.plan(traded=True)
    assert first.tolist() == [[at.ENTRY_FILL, 5000.0]]
    assert again.tolist() == []

    state.apply_fill(executor.state, terms, executor.tiers, at.ENTRY_FILL, 5000.0, 100.0, 0.0, np.nan, np.nan)
    state.on_decision(executor.state, terms, 0.0, np.nan, np.nan, 1000.0, 100.0)
    for _ in range(3):
        orders, _ = executor.plan(traded=True)
        assert orders.tolist() == [[at.CLOSE, -5000.0]]

    # half of it fills: only the rest is planned, then nothing
    state.apply_fill(executor.state, terms, executor.tiers, at.CLOSE, -2000.0, 100.0, 0.0, np.nan, np.nan)
    assert executor.plan(traded=True)[0].tolist() == [[at.CLOSE, -3000.0]]
    state.apply_fill(executor.state, terms, executor.tiers, at.CLOSE, -3000.0, 100.0, 0.0, np.nan, np.nan)
    assert executor.plan(traded=True)[0].tolist() == []
    assert executor.state[at.PENDING] == at.NOTHING
