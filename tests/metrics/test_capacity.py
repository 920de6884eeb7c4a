"""Capacity: where one thin bar, and where impact, ends it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from autarch.engine import CostModel
from autarch.metrics import capacity_by_impact, capacity_by_participation, impact_paid

from .by_hand import market_of, play, series


def test_participation_grows_with_capital():
    # 2 % of the thinnest bar at 1,000 is 10 % at 5,000
    assert capacity_by_participation(1_000.0, 0.02) == pytest.approx(5_000.0)
    assert capacity_by_participation(1_000.0, 0.20) == pytest.approx(500.0)
    assert capacity_by_participation(1_000.0, 0.02, limit=0.01) == pytest.approx(500.0)


@pytest.mark.parametrize("participation", [None, 0.0])
def test_who_fills_nothing_has_no_capacity_to_tell(participation):
    assert capacity_by_participation(1_000.0, participation) is None


def test_impact_eats_the_profit_at_the_square_of_the_ratio():
    # profit before impact 90 + 10 = 100; at x = 100 times the size it is 10,000, impact 100 ** 1.5 * 10 = 10,000
    assert capacity_by_impact(1_000.0, profit=90.0, impact=10.0) == pytest.approx(100_000.0)
    # a loss after impact is a profit before it: the capacity lies below the capital
    assert capacity_by_impact(1_000.0, profit=-10.0, impact=20.0) == pytest.approx(250.0)


def test_no_edge_no_capacity_and_no_impact_no_bound():
    assert capacity_by_impact(1_000.0, profit=-30.0, impact=10.0) == 0.0
    assert capacity_by_impact(1_000.0, profit=-10.0, impact=10.0) == 0.0
    assert capacity_by_impact(1_000.0, profit=0.0, impact=0.0) == 0.0
    assert capacity_by_impact(1_000.0, profit=50.0, impact=0.0) is None


def test_impact_is_slippage_without_the_half_spread():
    # row 1 buys about 10 at 100: half spread 0.1 % and impact 1 % * sqrt(1000 / 10,000) = 0.316 %, to the tick of 0.1
    market = market_of(series("AAAUSDT", [100] * 4))
    costs = CostModel(half_spread_bps=10.0, impact_k=100.0, impact_cap_bps=1_000.0)
    result = play(market, [1.0, 1.0, 1.0, 1.0], costs=costs)
    qty = float(result.fills["qty"][0])

    assert result.fills["price"].tolist() == [100.5]  # 100 * 1.00416 rounded up
    assert impact_paid(result, half_spread_bps=10.0) == pytest.approx(qty * 0.5 - qty * 100 * 0.001)
    assert impact_paid(result, half_spread_bps=1_000.0) == 0.0


def test_at_the_capacity_by_impact_the_engine_earns_next_to_nothing():
    # the same decisions on ever larger capital: no cap, no tick to speak of, so the law is the engine's own
    coarse = market_of(series("AAAUSDT", [100, 100, 101.5, 101.5], turnover=1e6))
    market = replace(coarse, instruments=(replace(coarse.instruments[0], tick_size=Decimal("0.000001")),))
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1e9)

    def profit(capital):
        result = play(market, [1.0, 1.0, 0.0, 0.0], costs=costs, capital=capital)
        return float(result.equity[-1]) - capital, impact_paid(result, half_spread_bps=0.0)

    earned, impact = profit(1_000.0)
    found = capacity_by_impact(1_000.0, profit=earned, impact=impact)

    assert found is not None
    assert profit(found)[0] == pytest.approx(0.0, abs=0.01 * found * earned / 1_000.0)
    assert profit(0.5 * found)[0] > 0.0 > profit(2.0 * found)[0]
    best = max((profit(x * found)[0], x) for x in (0.2, 0.3, 4 / 9, 0.6, 0.8))
    assert best[1] == 4 / 9
