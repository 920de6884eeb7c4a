"""What a backtest refuses, and the seam for callers that size by themselves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from autarch.engine import CostModel, WantedQuantities, backtest_quantities
from autarch.errors import ConfigError, DataError, StrategyError


def rows(*prices):
    return [(p, p, p, p) for p in prices]


def quantities(market, qty, stop=np.nan):
    shape = (market.n_bars, len(market.symbols))
    return WantedQuantities(
        symbols=market.symbols,
        interval=market.interval,
        max_leverage=1.0,
        qty=np.asarray(qty, dtype=np.float64).reshape(shape),
        stop_loss=np.full(shape, stop),
        take_profit=np.full(shape, np.nan),
    )


def test_wanted_quantities_are_traded_as_given(desk):
    market = desk.market(desk.series(rows(100, 100, 100, 90)))

    result = backtest_quantities(
        market, quantities(market, [2.0005, 3.0, -1.0, -1.0], 0.5), costs=desk.free, capital=1e3
    )

    assert desk.story(result) == [
        (1, "entry", 2.0, 100.0),
        (2, "entry", 1.0, 100.0),
        (3, "close", -3.0, 90.0),
        (3, "entry", -1.0, 90.0),
    ]


def test_quantities_and_the_exposures_they_come_from_agree(desk):
    market, decisions = desk.random_case(21)
    base = desk.backtest(market, decisions, costs=desk.rough)
    # the quantity each decision asks for, known only after the run: exposure * equity / close
    close = np.stack([s.close for s in market.series], axis=1)
    asked = decisions.exposure * base.equity[:, None] / close
    fresh = np.vstack([np.ones((1, 2), dtype=bool), decisions.exposure[1:] != decisions.exposure[:-1]])
    for row in range(1, market.n_bars):
        asked[row] = np.where(fresh[row], asked[row], asked[row - 1])

    wanted = replace(quantities(market, asked), stop_loss=decisions.stop_loss, take_profit=decisions.take_profit)
    again = backtest_quantities(market, replace(wanted, max_leverage=3.0), costs=desk.rough, capital=1000.0)

    assert again.fills_digest() == base.fills_digest()


def test_a_market_may_hold_more_symbols_than_are_traded_in_any_order(desk):
    market = desk.market(
        desk.series(rows(10, 10), "CTXUSDT"), desk.series(rows(50, 50), "BBBUSDT"), desk.series(rows(100, 100))
    )
    wanted = desk.decisions(market, [[0.5, 0.25]] * 2, symbols=("AAAUSDT", "BBBUSDT"))

    result = desk.backtest(market, wanted)

    assert result.symbols == ("AAAUSDT", "BBBUSDT")
    assert desk.story(result) == [(1, "entry", 5.0, 100.0), (1, "entry", 5.0, 50.0)]


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"exposure": np.array([[np.nan], [0.0]])}, StrategyError, "row 0"),
        ({"exposure": np.array([[1.0], [1.0000001]])}, StrategyError, "max_leverage"),
        ({"stop_loss": np.array([[0.0], [0.1]])}, StrategyError, "stop_loss"),
        ({"take_profit": np.array([[np.inf], [0.1]])}, StrategyError, "take_profit"),
        ({"exposure": np.zeros((3, 1))}, DataError, "shape"),
        ({"stop_loss": np.full((2, 2), np.nan)}, DataError, "stop_loss"),
        ({"interval": "1h"}, DataError, "1h"),
        ({"symbols": ("ZZZUSDT",)}, DataError, "ZZZUSDT"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(desk, changes, error, says):
    market = desk.market(desk.series(rows(100, 100)))
    wanted = replace(desk.decisions(market, [1.0, 1.0]), **changes)

    with pytest.raises(error, match=says):
        desk.backtest(market, wanted)


def test_the_sum_over_a_panel_is_what_leverage_bounds(desk):
    market = desk.market(desk.series(rows(100, 100)), desk.series(rows(50, 50), "BBBUSDT"))

    with pytest.raises(StrategyError, match="sum"):
        desk.backtest(market, desk.decisions(market, [[0.6, -0.6]] * 2, mode="panel"))

    assert desk.backtest(market, desk.decisions(market, [[0.6, -0.6]] * 2, mode="each")).fills.size == 2


@pytest.mark.parametrize("capital", [0.0, -1.0, np.nan, np.inf])
def test_capital_must_be_an_amount(desk, capital):
    market = desk.market(desk.series(rows(100, 100)))

    with pytest.raises(DataError, match="capital"):
        desk.backtest(market, desk.decisions(market, [1.0, 1.0]), capital=capital)


def test_an_infinite_quantity_is_refused(desk):
    market = desk.market(desk.series(rows(100, 100)))

    with pytest.raises(StrategyError, match="quantity"):
        backtest_quantities(market, quantities(market, [np.inf, 0.0]), costs=desk.free, capital=1000.0)


def test_an_instrument_that_cannot_trade_is_refused(desk):
    for broken in (
        desk.instrument(risk_tiers=()),
        desk.instrument(max_market_qty=Decimal("0.0001")),
        desk.instrument(tick_size=Decimal(0)),
    ):
        with pytest.raises(ConfigError, match="AAAUSDT"):
            desk.play(rows(100, 100), [1.0, 1.0], contract=broken)


def test_funding_stamps_out_of_order_are_refused(desk):
    series = desk.series(rows(100, 100), funding={0: 0.1, 900_000: 0.1})
    market = desk.market(replace(series, funding_ms=series.funding_ms[::-1].copy()))

    with pytest.raises(DataError, match="ascend"):
        desk.backtest(market, desk.decisions(market, [1.0, 1.0]))


def test_a_cost_model_comes_from_a_lock_its_costs_or_a_mapping():
    numbers = {"half_spread_bps": 1.5, "impact_k": 8, "impact_cap_bps": 40.0}
    expected = CostModel(half_spread_bps=1.5, impact_k=8.0, impact_cap_bps=40.0)

    assert CostModel.from_lock(numbers) == expected
    assert CostModel.from_lock(SimpleNamespace(**numbers, margin_mode="isolated")) == expected
    assert CostModel.from_lock(SimpleNamespace(costs=SimpleNamespace(**numbers))) == expected


def test_a_cost_model_that_pays_the_trader_or_is_not_modelled_is_refused():
    with pytest.raises(ConfigError, match="impact_k"):
        CostModel(half_spread_bps=1.0, impact_k=-1.0, impact_cap_bps=1.0)
    with pytest.raises(ConfigError, match="half_spread_bps"):
        CostModel.from_lock({"impact_k": 1.0, "impact_cap_bps": 1.0})
    with pytest.raises(ConfigError, match="portfolio"):
        CostModel.from_lock({"half_spread_bps": 1, "impact_k": 1, "impact_cap_bps": 1, "margin_mode": "portfolio"})


def test_stress_costs_scale_every_number():
    costs = CostModel(half_spread_bps=1.0, impact_k=10.0, impact_cap_bps=50.0).scaled(1.5)

    assert (costs.half_spread_bps, costs.impact_k, costs.impact_cap_bps, costs.fee_factor) == (1.5, 15.0, 75.0, 1.5)
