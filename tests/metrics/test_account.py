"""An account's sleeves as one backtest: every event once, in order, under the account's own columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autarch.engine import Sleeve, backtest, backtest_account
from autarch.metrics import joined, round_trips, summarise

from .by_hand import COSTS, decisions_of, market_of, series

FUNDING_MS = 43_200_000


@pytest.fixture(scope="module")
def market():
    prices = {"AAAUSDT": [100, 100, 110, 110, 100, 100], "BBBUSDT": [50, 50, 50, 60, 60, 55]}
    made = market_of(*(series(symbol, closes) for symbol, closes in prices.items()))
    stamps = made.ts[2:5] + FUNDING_MS // 2
    funded = tuple(replace(s, funding_ms=stamps, funding_rate=np.full(3, 0.001)) for s in made.series)
    return replace(made, series=funded)


def only(market, symbol):
    place = market.symbols.index(symbol)
    return replace(market, series=(market.series[place],), instruments=(market.instruments[place],))


@pytest.fixture(scope="module")
def account(market):
    sleeves = [
        Sleeve(name="a", decisions=decisions_of(only(market, "AAAUSDT"), [1, 1, 0, -0.5, -0.5, 0]), weight=0.5),
        Sleeve(name="b", decisions=decisions_of(only(market, "BBBUSDT"), [0, 1, 1, 1, 0, 0]), weight=0.3),
    ]
    return backtest_account(market, sleeves, costs=COSTS, capital=1000.0, margin_mode="isolated")


def test_everything_that_happened_is_there_once_under_its_own_symbol(account):
    whole = joined(account)

    for name in ("fills", "funding"):
        table = getattr(whole, name)
        for column, sleeve in enumerate(account.sleeves):
            mine, theirs = table[table["symbol"] == column], getattr(sleeve, name)
            assert mine.size == theirs.size > 0
            for field in ("row", "ts", "qty"):
                assert mine[field].tolist() == theirs[field].tolist()
    assert whole.symbols == ("AAAUSDT", "BBBUSDT")
    assert whole.totals.fees == pytest.approx(sum(s.totals.fees for s in account.sleeves), rel=1e-12)
    # 200 of the account stay with nobody
    assert whole.equity == pytest.approx(200.0 + account.sleeves[0].equity + account.sleeves[1].equity, rel=1e-12)


def test_events_are_in_the_order_of_time_over_all_sleeves(account):
    whole = joined(account)
    events = np.concatenate([table[["seq", "row"]] for table in (whole.fills, whole.funding, whole.skipped)])
    events.sort(order="seq")

    assert events["seq"].tolist() == list(range(events.size))
    assert (np.diff(events["row"]) >= 0).all()
    assert (np.diff(whole.fills["seq"]) > 0).all()


def test_round_trips_and_their_funding_are_those_of_the_sleeves(account):
    whole = joined(account)

    found = round_trips(whole.fills, whole.funding)
    expected = np.concatenate([round_trips(s.fills, s.funding) for s in account.sleeves])
    assert sorted(found["profit"].tolist()) == pytest.approx(sorted(expected["profit"].tolist()), rel=1e-12)
    assert found["funding"].sum() == pytest.approx(expected["funding"].sum(), rel=1e-12)


def test_one_sleeve_with_all_the_capital_is_its_own_backtest(market):
    decisions = decisions_of(market, [[0.5, 0.5], [0.5, -0.5], [0, 0], [0.5, 0.5], [0, 0], [0, 0]])
    alone = backtest(market, decisions, costs=COSTS, capital=1000.0)
    account = backtest_account(
        market, [Sleeve(name="s", decisions=decisions, weight=1.0)], costs=COSTS, capital=1000.0, margin_mode="isolated"
    )

    found, expected = summarise(joined(account), market), summarise(alone, market)
    assert {name for name in found if found[name] is None} == {name for name in expected if expected[name] is None}
    known = {name: value for name, value in expected.items() if value is not None}
    assert {name: found[name] for name in known} == pytest.approx(known, rel=1e-12)


def test_a_sleeve_of_other_rows_is_refused(account):
    shorter = replace(account.sleeves[1], equity=account.sleeves[1].equity[:-1])

    with pytest.raises(ValueError, match="sleeve b has 5 rows and the account 6"):
        joined(replace(account, sleeves=(account.sleeves[0], shorter)))
