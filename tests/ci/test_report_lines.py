"""Curves, months, costs and candles of a report, by numbers worked out by hand."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from autarch.metrics.daily import DAY_MS
from ci.report_candles import candles, pack, unpack
from ci.report_costs import cost_lines
from ci.report_lines import lines, months_of, rolling_sharpe
from ci.report_spark import mermaid, sparkline


def test_months_compound_their_days_and_say_nothing_of_months_without_any() -> None:
    ts = np.arange(60, dtype=np.int64) * DAY_MS  # from 1970-01-01 on, a bar a day
    equity = 100.0 * 1.01 ** np.arange(60)

    found = months_of(equity, ts, interval_ms=DAY_MS, first_row=0)

    assert found.years == (1970,)
    (row,) = found.months
    assert row[3] is None  # April
    assert found.totals[0] == pytest.approx(100.0 * (1.01**59 - 1.0))  # 59 changes of one per cent


def test_months_of_no_bars_are_none() -> None:
    empty = np.empty(0)

    assert months_of(empty, empty.astype(np.int64), interval_ms=DAY_MS, first_row=0).years == ()


def test_a_rolling_ratio_is_that_of_each_window_and_zero_where_nothing_moves() -> None:
    daily = np.array([0.0, 0.0, 0.0, 0.01, -0.01, 0.03])

    found = rolling_sharpe(daily, days=3)

    assert found.size == 4
    assert found[0] == 0.0
    last = np.array([0.01, -0.01, 0.03])
    assert found[-1] == pytest.approx(last.mean() / last.std(ddof=1) * np.sqrt(365.0))
    assert rolling_sharpe(daily, days=7).size == 0


@pytest.mark.parametrize("numbers", [[0], [1, -1, 2**31 - 1, -(2**31), 255, 256, -257]])
def test_packed_planes_come_back_as_they_went(numbers) -> None:
    first, second = np.array(numbers), np.array(numbers[::-1])

    back = unpack(pack((first, second)), planes=2)

    assert [plane.tolist() for plane in back] == [first.tolist(), second.tolist()]


def test_a_sparkline_goes_from_lowest_to_highest_and_leaves_out_what_is_no_number() -> None:
    assert sparkline([0.0, 7.0, float("nan")]) == "▁█ "
    assert sparkline([]) == ""
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert len(sparkline(list(range(1_000)))) == 60


def test_candles_are_the_market_s_own_to_a_tick_with_a_mark_for_each_fill(outcome_of_trend) -> None:
    outcome = outcome_of_trend
    found = candles(outcome.backtest, outcome.market, "BTCUSDT", bars_max=1_000)

    change, gap, above, below = unpack(base64.b64decode(found.packed), planes=4)
    close = np.cumsum(change)
    opened = close - change + gap
    series = outcome.market.of("BTCUSDT")
    half = found.unit * 0.5000001
    assert found.n_bars == 1_000
    assert np.abs(close * found.unit - series.close[-1_000:]).max() <= half
    assert np.abs(opened * found.unit - series.open[-1_000:]).max() <= half
    assert np.abs((np.maximum(opened, close) + above) * found.unit - series.high[-1_000:]).max() <= half
    assert np.abs((np.minimum(opened, close) - below) * found.unit - series.low[-1_000:]).max() <= half
    assert (
        found.fills == len(found.marks) == int((outcome.backtest.fills["row"] >= outcome.market.n_bars - 1_000).sum())
    )


def test_costs_add_up_to_the_totals_of_the_backtest(outcome_of_trend) -> None:
    outcome = outcome_of_trend
    result = outcome.backtest

    found = cost_lines(result, outcome.market, first_row=0)

    assert found.fees[-1] == pytest.approx(100.0 * result.totals.fees / result.capital, rel=1e-4)
    assert found.funding[-1] == pytest.approx(100.0 * result.totals.funding / result.capital, rel=1e-4, abs=1e-9)
    assert found.slippage[-1] == pytest.approx(100.0 * result.totals.slippage / result.capital, rel=1e-4)
    assert found.time_s == sorted(set(found.time_s))


def test_lines_begin_together_and_end_where_equity_does(outcome_of_trend) -> None:
    outcome = outcome_of_trend
    first = outcome.decisions.first_row()

    own, held = lines(outcome.backtest, outcome.market, first_row=first, rival=None, rival_name="cash")

    assert (own.who, held.who) == ("candidate", "hold")
    assert own.time_s == held.time_s
    assert own.growth[-1] == pytest.approx(outcome.backtest.equity[-1] / outcome.backtest.capital, rel=1e-5)
    assert min(own.drawdown) == pytest.approx(-100.0 * outcome.backtest.drawdown.max(), rel=1e-3)
    assert len(own.net) == len(own.gross) == len(own.time_s)
    series = outcome.market.of("BTCUSDT")
    assert held.growth[-1] == pytest.approx(series.close[-1] / series.close[first - 1], rel=1e-5)


def test_a_chart_as_text_names_its_lines_in_order(outcome_of_trend) -> None:
    outcome = outcome_of_trend
    drawn = lines(outcome.backtest, outcome.market, first_row=0, rival=None, rival_name="cash")

    text = mermaid(drawn)

    assert text.startswith("```mermaid\nxychart-beta\n")
    assert "1 candidate, 2 hold" in text
    assert text.count("  line [") == 2
    assert mermaid([]) == ""
