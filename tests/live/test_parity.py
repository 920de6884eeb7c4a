"""Paper fills are the backtest's fills on the same decisions: bit for bit, order by order."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.engine import layout as at
from autarch.engine.run import backtest
from live.journal import Journal
from live.rehearsal import UNLIMITED

from .conftest import COSTS, Desk, decisions, instrument, market

KINDS = {
    "CreateByStopLoss": at.STOP_OUT,
    "CreateByTakeProfit": at.TAKE_PROFIT,
    "CreateByTakeOver_PassThrough": at.LIQUIDATED,
}


def paper_trades(desk):
    with Journal(desk.folder / "journal.sqlite3", account="paper", read_only=True) as journal:
        assert journal.verify() > 0
        events = [event.body | {"time": event.time_ms} for event in journal.events("execution")]
    fills, funding = [], []
    for body in events:
        signed = float(body["qty"]) * (1 if body["side"] == "Buy" else -1)
        column = desk.market.symbols.index(body["symbol"])
        row = int((body["time"] - desk.market.ts[0]) // desk.market.interval_ms)
        if body["exec_type"] == "Funding":
            funding.append((column, body["time"], signed, float(body["price"]), float(body["fee"])))
        else:
            forced = KINDS.get(body["create_type"], 0)
            fills.append((column, row, forced, signed, float(body["price"]), float(body["fee"])))
    return fills, funding


def backtest_trades(desk):
    return trades_of_backtest(desk.market, desk.table, capital=float(desk.capital), costs=desk.costs)


def trades_of_backtest(market, table, *, capital, costs=COSTS):
    """Return the fills and funding of a backtest as a venue's executions tell them, and the backtest."""
    result = backtest(market, table, costs=costs, capital=capital)
    fills = []
    for f in result.fills:
        forced = int(f["kind"]) if f["kind"] >= at.STOP_OUT else 0
        fills.append((int(f["symbol"]), int(f["row"]), forced, f["qty"], f["price"], f["fee"]))
    funding = [(int(f["symbol"]), int(f["ts"]), f["qty"], f["mark"], f["payment"]) for f in result.funding]
    return fills, funding, result


def by_symbol(rows):
    return sorted(rows, key=lambda row: row[0])  # stable: the order within a symbol stays


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("mode", ["each", "panel"])
def test_paper_fills_and_funding_equal_the_backtests_exactly(tmp_path, seed, mode):
    made = market(n_bars=500, seed=seed)
    desk = Desk(tmp_path, made=made, table=decisions(made, seed=seed + 10, mode=mode), mode=mode)

    executor = desk.run()

    fills, funding = paper_trades(desk)
    expected_fills, expected_funding, result = backtest_trades(desk)
    assert len(expected_fills) > 200
    assert {fill[2] for fill in expected_fills} >= {0, at.STOP_OUT, at.TAKE_PROFIT}
    assert by_symbol(fills) == by_symbol(expected_fills)
    assert by_symbol(funding) == by_symbol(expected_funding)
    assert executor.core.books.equity() == result.equity[-1]


def test_orders_above_the_venues_maximum_are_split_alike(tmp_path):
    made = market(n_bars=300, seed=4)
    small = tuple(instrument(symbol, max_market_qty="9.5") for symbol in made.symbols)
    made = _with_instruments(made, small)
    desk = Desk(tmp_path, made=made, table=decisions(made, seed=5))

    desk.run()

    fills, _ = paper_trades(desk)
    expected, _, _ = backtest_trades(desk)
    assert by_symbol(fills) == by_symbol(expected)
    assert len({(f[0], f[1]) for f in fills}) < len(fills)


def test_liquidations_and_ruin_equal_the_backtests(tmp_path):
    made = market(n_bars=400, seed=7)
    crash = made.series[0]
    for name in ("open", "high", "low", "close"):
        getattr(crash, name)[200:] *= 0.5  # far beyond the liquidation price of any long at leverage 3
    table = decisions(made, seed=8)
    table.exposure[190:200, 0] = 2.0
    table.stop_loss[:, 0] = np.nan
    desk = Desk(tmp_path, made=made, table=table)

    desk.run()

    fills, funding = paper_trades(desk)
    expected, expected_funding, _ = backtest_trades(desk)
    assert at.LIQUIDATED in {fill[2] for fill in expected}
    assert by_symbol(fills) == by_symbol(expected)
    assert by_symbol(funding) == by_symbol(expected_funding)


def crashing(*, row, factor=0.4, seed=7):
    """Return a market that falls by 60 % at the open of `row`, and decisions that are long of all of it before."""
    made = market(n_bars=400, seed=seed)
    for one in made.series:
        for name in ("open", "high", "low", "close"):
            getattr(one, name)[row:] = np.round(getattr(one, name)[row:] * factor / 0.05) * 5 / 100
    table = decisions(made, seed=seed + 1)
    table.exposure[row - 10 : row + 5] = 1.9
    table.stop_loss[:] = np.nan
    return made, table


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mode", ["each", "panel"])
def test_with_shared_margin_everything_is_the_backtests_too(tmp_path, seed, mode):
    made = market(n_bars=400, seed=seed)
    desk = Desk(tmp_path, made=made, table=decisions(made, seed=seed + 10, mode=mode), mode=mode, margin_mode="cross")

    executor = desk.run()

    fills, funding = paper_trades(desk)
    expected_fills, expected_funding, result = backtest_trades(desk)
    assert len(expected_fills) > 150
    assert by_symbol(fills) == by_symbol(expected_fills)
    assert by_symbol(funding) == by_symbol(expected_funding)
    assert executor.core.books.equity() == result.equity[-1]


@pytest.mark.parametrize("where", ["at an open", "within a bar"])
def test_a_shared_margin_is_taken_over_where_the_backtest_says(tmp_path, where):
    made, table = crashing(row=200)
    if where == "within a bar":
        for one in made.series:
            one.open[200] = one.high[200] = one.close[199]
    desk = Desk(tmp_path, made=made, table=table, margin_mode="cross", limits=UNLIMITED)

    executor = desk.run()

    fills, funding = paper_trades(desk)
    expected, expected_funding, result = backtest_trades(desk)
    assert {fill[0] for fill in expected if fill[2] == at.LIQUIDATED} == {0, 1}
    assert result.ruined_row == 200
    assert by_symbol(fills) == by_symbol(expected)
    assert by_symbol(funding) == by_symbol(expected_funding)
    assert executor.core.books.equity() == pytest.approx(result.equity[-1], abs=1e-6)
    assert executor.core.books.gate.state == "REDUCING"
    assert "taken over" in executor.core.books.gate.reason


def _with_instruments(made, instruments):
    import dataclasses
    from decimal import Decimal

    fixed = tuple(dataclasses.replace(i, max_market_qty=Decimal(i.max_market_qty)) for i in instruments)
    return dataclasses.replace(made, instruments=fixed)
