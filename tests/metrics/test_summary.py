"""The whole summary of a tiny run played by hand, and that it never holds NaN or infinity."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from autarch.canonical import canonical_json
from autarch.engine import CostModel
from autarch.metrics import buy_and_hold, max_participation, summarise, turnover_per_day
from autarch.metrics.shown import GROUPS

from .by_hand import market_of, play, series


@pytest.fixture
def by_hand():
    # row 1 buys 10 at 100 (fee 1), row 3 sells them at 110 (fee 1.1, profit 100), row 4 goes short half
    market = market_of(series("AAAUSDT", [100, 100, 110, 110, 100, 100]))
    return market, play(market, [1.0, 1.0, 0.0, -0.5, -0.5, -0.5])


def test_the_summary_of_a_run_played_by_hand(by_hand):
    market, result = by_hand

    found = summarise(result, market)

    # row 3 decides -0.5 at close 110: 0.5 * 1097.9 / 110 = 4.990 short at 100 in row 4: fee 0.499
    final = 1000 - 1 + 100 - 1.1 - 0.499
    assert found["final_equity"] == pytest.approx(final, rel=1e-12)
    assert found["total_return"] == pytest.approx(final / 1000 - 1, rel=1e-12)
    assert found["days"] == 3.0
    # equity at closes: 1000, 999, 1099, 1097.9, 1097.401, 1097.401
    daily = [999 / 1000 - 1, 1097.9 / 999 - 1, 1097.401 / 1097.9 - 1]
    assert found["worst_day"] == pytest.approx(min(daily), rel=1e-9)
    assert found["sharpe"] == pytest.approx(np.mean(daily) / np.std(daily, ddof=1) * math.sqrt(365), rel=1e-9)
    # deepest: 1099 -> 1097.401; under water: row 1, then rows 3 to 5 = 1.5 days
    assert found["max_drawdown"] == pytest.approx(1 - 1097.401 / 1099, rel=1e-9)
    assert found["max_drawdown_days"] == 1.5
    assert found["round_trips"] == 1.0
    assert found["independent_bets"] == 1.0
    assert found["hit_rate"] == 1.0
    assert found["profit_factor"] is None  # no losing trip to divide by
    assert found["average_trade"] == pytest.approx(97.9, rel=1e-12)
    assert found["mean_holding_hours"] == 24.0
    assert found["fees"] == pytest.approx(2.599, rel=1e-12)
    assert (found["funding"], found["slippage"], found["liquidations"], found["ruined"]) == (0.0, 0.0, 0.0, 0.0)
    assert found["time_in_market"] == pytest.approx(4 / 6)
    # 1000 / 1000 + 1100 / 1099 + 499 / 1097.9 over 3 days
    assert found["turnover_per_day"] == pytest.approx((1 + 1100 / 1099 + 499 / 1097.9) / 3, rel=1e-12)
    assert found["max_participation"] == pytest.approx(1100 / 10_000)
    assert found["buy_and_hold_return"] == 0.0
    assert found["max_exposure"] == pytest.approx(1000 / 999, rel=1e-12)
    assert found["n_fills"] == 3.0
    # the market ends where it began, but between them it rose and fell: 100, 110, 100 at the days' ends
    held = np.array([0.0, 0.10, 100 / 110 - 1])
    slope = np.cov(daily, held, ddof=1)[0, 1] / np.var(held, ddof=1)
    assert found["beta"] == pytest.approx(slope, rel=1e-9)
    assert found["excess_return"] == pytest.approx(final / 1000 - 1, rel=1e-12)
    # 11 % of a bar at 1000 of capital is 10 % at 1000 / 1.1
    assert found["capacity_participation"] == pytest.approx(1000 * 0.10 / 0.11)
    assert found["capacity_impact"] is None  # without a cost model, and none was paid


def test_the_cost_model_turns_slippage_into_a_capacity():
    market = market_of(series("AAAUSDT", [100, 100, 120, 120]))
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)
    result = play(market, [1.0, 1.0, 0.0, 0.0], costs=costs)

    found = summarise(result, market, costs=costs)

    profit, impact = result.equity[-1] - 1000.0, result.totals.slippage
    assert impact > 0.0
    assert found["capacity_impact"] == pytest.approx(1000.0 * ((profit + impact) / impact) ** 2)


def test_every_metric_has_a_place_a_label_and_a_unit(by_hand):
    market, result = by_hand

    assert sorted(summarise(result, market)) == sorted(name for _, rows in GROUPS for name in rows)


def test_a_warm_up_before_the_first_decision_waters_nothing_down(by_hand):
    market, result = by_hand
    later = market_of(series("AAAUSDT", [100, 100, 100, 100, 100, 100, 110, 110, 100, 100]))
    waited = play(later, [0.0] * 4 + [1.0, 1.0, 0.0, -0.5, -0.5, -0.5])

    found, whole = summarise(waited, later, first_row=4), summarise(waited, later)

    per_time = ("days", "turnover_per_day", "sharpe", "annual_return", "time_in_market", "buy_and_hold_return")
    plain = summarise(result, market)
    assert {key: found[key] for key in per_time} == pytest.approx({key: plain[key] for key in per_time}, rel=1e-12)
    assert whole["turnover_per_day"] < found["turnover_per_day"]
    with pytest.raises(ValueError, match="first_row is 10"):
        summarise(waited, later, first_row=10)


def test_a_summary_is_canonical_json_on_any_run(by_hand):
    market, result = by_hand
    idle = play(market, [0.0] * 6)
    one_bar = market_of(series("AAAUSDT", [100]))
    ruined_market = market_of(series("AAAUSDT", [100, 100, 10, 10, 10, 10]))
    ruined = play(ruined_market, [3.0] * 6, stop=0.05, max_leverage=3.0)

    assert ruined.ruined_row == 2
    for found in (
        summarise(result, market),
        summarise(idle, market),
        summarise(play(one_bar, [1.0]), one_bar),
        summarise(ruined, ruined_market),
    ):
        assert canonical_json(found)
        assert all(value is None or math.isfinite(value) for value in found.values())


def test_a_run_that_never_trades_has_no_ratio_and_no_gap(by_hand):
    market, _ = by_hand

    found = summarise(play(market, [0.0] * 6), market)

    for name in ("sharpe", "sortino", "calmar", "hit_rate", "average_trade", "profit_factor", "min_liquidation_gap"):
        assert found[name] is None, name
    assert (found["max_participation"], found["turnover_per_day"], found["max_drawdown"]) == (0.0, 0.0, 0.0)


def test_a_market_of_another_length_is_refused(by_hand):
    _, result = by_hand

    with pytest.raises(ValueError, match="bars"):
        summarise(result, market_of(series("AAAUSDT", [100, 100])))


def test_participation_adds_the_fills_of_a_bar_and_knows_no_share_of_nothing():
    # flip from 5 long to 5 short: 1000 quote in one bar of 10,000
    market = market_of(series("AAAUSDT", [100, 100, 100]))
    result = play(market, [0.5, -0.5, -0.5])
    quiet = replace(market, series=(series("AAAUSDT", [100, 100, 100], turnover=0.0),))

    assert max_participation(result, market) == pytest.approx(0.1, rel=1e-2)
    assert max_participation(result, quiet) is None


def test_turnover_without_equity_or_time_is_undefined(by_hand):
    _, result = by_hand

    assert turnover_per_day(replace(result, equity=np.zeros(6)), days=3.0) is None
    assert turnover_per_day(result, days=0.0) is None


def test_buy_and_hold_is_cash_until_a_symbol_is_listed():
    # A doubles; B is listed in row 1 at 50 and ends at 25: (2 + 0.5) / 2
    market = market_of(series("AAAUSDT", [100, 150, 200]), series("BBBUSDT", [50, 50, 25], first_row=1))

    assert buy_and_hold(market, ("AAAUSDT", "BBBUSDT")).tolist() == [1.0, 1.25, 1.25]
