"""On recorded bars the exchange fills what the backtest fills: bit for bit, order by order."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.engine import layout as at

from .conftest import COSTS, decisions, instrument, manifest, market
from .simulator_client import KINDS, TableClient
from .test_parity import by_symbol, trades_of_backtest


def trades_of(client):
    fills, funding = [], []
    for row in client.executions:
        signed = float(row.exec_qty) * (1 if row.side == "Buy" else -1)
        column = client.market.symbols.index(row.symbol)
        if row.exec_type == "Funding":
            funding.append((column, row.time_ms, signed, float(row.exec_price), float(row.exec_fee)))
        else:
            bar = int((row.time_ms - client.market.ts[0]) // client.market.interval_ms)
            forced = KINDS.get(row.create_type, 0)
            fills.append((column, bar, forced, signed, float(row.exec_price), float(row.exec_fee)))
    return fills, funding


@pytest.mark.parametrize(("seed", "lag_ms"), [(1, 0), (2, 700), (3, 19_999)])
@pytest.mark.parametrize("mode", ["each", "panel"])
def test_orders_that_arrive_while_the_price_is_held_fill_as_in_the_backtest(seed, lag_ms, mode):
    made = market(n_bars=500, seed=seed)
    table = decisions(made, seed=seed + 10, mode=mode)

    client = TableClient(made, table, manifest(made.symbols, mode=mode), COSTS, lag_ms=lag_ms).run()

    fills, funding = trades_of(client)
    expected_fills, expected_funding, result = trades_of_backtest(made, table, capital=100_000.0)
    assert {fill[2] for fill in expected_fills} >= {0, at.STOP_OUT, at.TAKE_PROFIT}
    assert by_symbol(fills) == by_symbol(expected_fills)
    assert by_symbol(funding) == by_symbol(expected_funding)
    assert client.equity(made.n_bars - 1) == result.equity[-1]


def test_a_delisting_settles_as_in_the_backtest():
    made = market(n_bars=200, seed=6)
    ends = int(made.ts[150])
    made = replace(made, instruments=tuple(instrument(s, delisted_ms=ends) for s in made.symbols))
    table = decisions(made, seed=7)

    client = TableClient(made, table, manifest(made.symbols), COSTS).run()

    fills, funding = trades_of(client)
    expected_fills, expected_funding, _ = trades_of_backtest(made, table, capital=100_000.0)
    assert at.SETTLED in {fill[2] for fill in expected_fills}
    assert by_symbol(fills) == by_symbol(expected_fills)
    assert by_symbol(funding) == by_symbol(expected_funding)


def test_cash_is_conserved_to_the_last_cent():
    made = market(n_bars=300, seed=8)
    client = TableClient(made, decisions(made, seed=9), manifest(made.symbols), COSTS).run()
    account = client.exchange.accounts["me"]

    # Whatever the fills say: profit less fees and funding is what the balance moved by.
    moved = sum((row.exec_pnl - row.exec_fee for row in account.executions), Decimal(0))
    assert float(account.balance - account.deposited) == pytest.approx(float(moved), rel=1e-9)
