"""The whole summary of a tiny run played by hand, and that it never holds NaN or infinity."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from autarch.canonical import Sha256, canonical_json
from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.types import Instrument, Market, RiskTier, SymbolSeries
from autarch.metrics import buy_and_hold, max_participation, summarise, turnover_per_day

HALF_DAY = 43_200_000
MIDNIGHT = 19_676 * 86_400_000
COSTS = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0)


def series(symbol, prices, *, turnover=10_000.0, first_row=0):
    close = np.array(prices, dtype=np.float64)
    n = close.size
    return SymbolSeries(
        symbol=symbol,
        open=close.copy(),
        high=close.copy(),
        low=close.copy(),
        close=close,
        volume=np.full(n, turnover) / close,
        turnover=np.full(n, turnover),
        traded=np.arange(n) >= first_row,
        first_row=first_row,
        funding_ms=np.empty(0, dtype=np.int64),
        funding_rate=np.empty(0),
        mark_ms=np.empty(0, dtype=np.int64),
        mark_close=np.empty(0),
        funding_schedule=(),
    )


def market_of(*all_series):
    tier = RiskTier(
        notional_max=Decimal(10**9),
        maintenance_margin_rate=Decimal("0.01"),
        initial_margin_rate=Decimal("0.02"),
        mm_deduction=Decimal(0),
    )
    contract = Instrument(
        symbol="AAAUSDT",
        tick_size=Decimal("0.1"),
        qty_step=Decimal("0.001"),
        min_order_qty=Decimal("0.001"),
        max_market_qty=Decimal(10**6),
        min_notional=Decimal(0),
        taker_fee=Decimal("0.001"),
        maker_fee=Decimal(0),
        risk_tiers=(tier,),
        sources=(),
    )
    return Market(
        dataset="by-hand",
        dataset_digest=Sha256("0" * 64),
        split="train",
        interval="12h",
        interval_ms=HALF_DAY,
        ts=MIDNIGHT + HALF_DAY * np.arange(all_series[0].close.size, dtype=np.int64),
        series=all_series,
        instruments=tuple(replace(contract, symbol=s.symbol) for s in all_series),
    )


def play(market, exposure, *, stop=np.nan, max_leverage=1.0):
    shape = (market.n_bars, len(market.symbols))
    wanted = Decisions(
        symbols=market.symbols,
        interval="12h",
        mode="panel",
        max_leverage=max_leverage,
        exposure=np.array(exposure, dtype=np.float64).reshape(shape),
        stop_loss=np.full(shape, stop),
        take_profit=np.full(shape, np.nan),
        counts=np.ones(shape, dtype=np.bool_),
    )
    return backtest(market, wanted, costs=COSTS, capital=1000.0)


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
