"""What one bar means: stops, take-profits, the latch, liquidation, ruin. The market is test_one_bar_orders'."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autarch.engine import CostModel

NAN = math.nan


def flat(*prices):
    return [(p, p, p, p) for p in prices]


def test_a_stop_guards_from_the_entry_bar_on(desk):
    # stop 2 % under 100 = 98, touched exactly by the entry bar's low: -20
    rows = [(100, 100, 100, 100), (100, 101, 98, 100), (100, 100, 100, 100)]

    result = desk.play(rows, [1.0, 1.0, 1.0], stop=0.02)

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (1, "stop_loss", -10.0, 98.0)]
    assert result.equity.tolist() == [1000.0, 980.0, 980.0]


def test_a_stop_one_tick_out_of_reach_does_nothing(desk):
    rows = [(100, 100, 100, 100), (100, 101, 98.1, 100)]

    assert desk.story(desk.play(rows, [1.0, 1.0], stop=0.02)) == [(1, "entry", 10.0, 100.0)]


def test_a_short_is_stopped_above_and_takes_profit_below(desk):
    # stop 102, take 95
    up = [(100, 100, 100, 100), (100, 102, 99, 101)]
    down = [(100, 100, 100, 100), (100, 101, 95, 96)]

    assert desk.story(desk.play(up, [-1.0, -1.0], stop=0.02, take=0.05))[1] == (1, "stop_loss", 10.0, 102.0)
    assert desk.story(desk.play(down, [-1.0, -1.0], stop=0.02, take=0.05))[1] == (1, "take_profit", 10.0, 95.0)


def test_a_triggered_stop_pays_slippage_from_its_trigger(desk):
    # entry 100 * 1.001 = 100.1; stop 100.1 * 0.98 = 98.098 -> 98.1; sold at 98.1 * 0.999 = 98.0019 -> 98.0
    costs = CostModel(half_spread_bps=10.0, impact_k=0.0, impact_cap_bps=0.0)
    rows = [(100, 100, 100, 100), (100, 101, 97, 100)]

    result = desk.play(rows, [1.0, 1.0], stop=0.02, costs=costs)

    assert desk.story(result) == [(1, "entry", 10.0, 100.1), (1, "stop_loss", -10.0, 98.0)]
    assert result.fills["reference"].tolist() == [100.0, 98.1]


def test_when_both_could_trigger_the_stop_comes_first(desk):
    rows = [(100, 100, 100, 100), (100, 106, 97, 100)]

    assert desk.story(desk.play(rows, [1.0, 1.0], stop=0.02, take=0.05))[1] == (1, "stop_loss", -10.0, 98.0)


def test_a_stop_jumped_by_the_open_fills_at_the_open(desk):
    rows = [(100, 100, 100, 100), (100, 100, 100, 100), (90, 95, 90, 95)]

    result = desk.play(rows, [1.0, 1.0, 1.0], stop=0.02)

    assert desk.story(result)[1] == (2, "stop_loss", -10.0, 90.0)
    assert result.fills["phase"].tolist() == [0, 0]


def test_a_take_profit_jumped_by_the_open_fills_at_the_better_open(desk):
    rows = [(100, 100, 100, 100), (100, 100, 100, 100), (112, 112, 105, 105)]

    assert desk.story(desk.play(rows, [1.0, 1.0, 1.0], take=0.05))[1] == (2, "take_profit", -10.0, 112.0)


def test_after_a_stop_the_symbol_stays_flat_until_exposure_was_zero(desk):
    # stopped in row 1; 0.5 in row 2 is the same side: recorded, not traded; zero in row 3 lets go; row 4 enters
    rows = [(100, 100, 100, 100), (100, 100, 97, 100), *flat(100, 100, 100, 100)]

    result = desk.play(rows, [1.0, 1.0, 0.5, 0.0, 0.5, 0.5], stop=0.02)

    assert [row for row, *_ in desk.story(result)] == [1, 1, 5]
    assert desk.skips(result) == [(3, "flat until exposure is zero or changes sign", 4.9)]  # 0.5 * 980 / 100


def test_after_a_stop_the_other_side_may_be_entered_at_once(desk):
    rows = [(100, 100, 100, 100), (100, 100, 97, 100), *flat(100, 100)]

    result = desk.play(rows, [1.0, -0.5, -0.5, -0.5], stop=0.02)

    # 0.5 * 980 / 100 = 4.9
    assert desk.story(result)[2] == (2, "entry", -4.9, 100.0)


def test_after_a_take_profit_the_symbol_stays_flat_too(desk):
    rows = [(100, 100, 100, 100), (100, 106, 100, 100), *flat(100, 100)]

    result = desk.play(rows, [1.0, 0.9, 0.8, 0.8], take=0.05)

    assert [kind for _, kind, *_ in desk.story(result)] == ["entry", "take_profit"]
    assert [row for row, *_ in desk.skips(result)] == [2, 3]


def test_adding_re_arms_at_the_average_with_the_new_distance(desk):
    # 5 at 100 with 10 %: stop 90. At close 110 equity 1050, whole: 1050 / 110 = 9.545: 4.545 more at 110
    # average (5 * 100 + 4.545 * 110) / 9.545 = 104.76165; 2 % under: 102.6664 -> 102.7
    rows = [*flat(100, 100), (110, 110, 110, 110), (110, 110, 102.7, 110)]
    stop = [0.10, 0.10, 0.02, 0.02]

    result = desk.play(rows, [0.5, 0.5, 1.0, 1.0], stop=stop)

    assert desk.story(result) == [
        (1, "entry", 5.0, 100.0),
        (3, "entry", 4.545, 110.0),
        (3, "stop_loss", -9.545, 102.7),
    ]


def test_adding_with_no_distance_disarms(desk):
    rows = [*flat(100, 100, 100), (100, 100, 60, 100)]

    result = desk.play(rows, [0.5, 0.5, 0.6, 0.6], stop=[0.1, 0.1, NAN, NAN])

    assert [kind for _, kind, *_ in desk.story(result)] == ["entry", "entry"]


def test_reducing_leaves_the_stop_where_it_was(desk):
    # stop 98; reducing names 10 % (90), which is not taken
    rows = [*flat(100, 100, 100), (100, 100, 98, 100)]

    result = desk.play(rows, [1.0, 1.0, 0.5, 0.5], stop=[0.02, 0.02, 0.10, 0.10])

    assert desk.story(result)[1:] == [(3, "reduce", -5.0, 100.0), (3, "stop_loss", -5.0, 98.0)]


def test_a_new_distance_without_a_new_exposure_is_ignored(desk):
    rows = [*flat(100, 100, 100), (100, 100, 97.9, 100)]

    result = desk.play(rows, [1.0, 1.0, 1.0, 1.0], stop=[0.02, 0.10, 0.30, NAN])

    assert desk.story(result)[1] == (3, "stop_loss", -10.0, 98.0)


def test_a_long_is_liquidated_at_its_bankruptcy_price(desk):
    # 2x isolated, 1 % maintenance: liquidation 50 + 1 = 51, bankrupt at 50: -500
    rows = [*flat(100, 100), (90, 90, 51, 80)]

    result = desk.play(rows, [1.0, 1.0, 1.0])

    assert desk.story(result)[1] == (2, "liquidation", -10.0, 50.0)
    assert result.liquidations.size == 1
    assert result.equity[-1] == 500.0
    assert result.liquidation_gap.tolist() == [0.0]


def test_a_hair_above_the_liquidation_price_survives(desk):
    rows = [*flat(100, 100), (90, 90, 51.1, 80)]

    result = desk.play(rows, [1.0, 1.0, 1.0])

    assert result.liquidations.size == 0
    assert result.liquidation_gap == pytest.approx([(51.1 - 51) / 51.1], rel=1e-9)


def test_the_gap_to_liquidation_counts_the_open_that_jumped_a_stop(desk):
    # liquidation at 51; the entry bar came as near as (100 - 51) / 100, the jump to 80 nearer
    rows = [*flat(100, 100), (80, 85, 60, 80)]

    result = desk.play(rows, [1.0, 1.0, 1.0], stop=0.05)

    assert desk.story(result)[1] == (2, "stop_loss", -10.0, 80.0)
    assert result.liquidation_gap == pytest.approx([29 / 80], rel=1e-12)


def test_a_short_is_liquidated_above(desk):
    # bankrupt at 150; 150 / 1.01 = 148.51
    rows = [*flat(100, 100), (110, 148.6, 110, 120)]

    assert desk.story(desk.play(rows, [-1.0, -1.0, -1.0]))[1] == (2, "liquidation", 10.0, 150.0)


def test_a_stop_nearer_than_liquidation_fires_and_a_farther_one_does_not(desk):
    rows = [*flat(100, 100), (90, 90, 40, 80)]

    assert desk.story(desk.play(rows, [1.0] * 3, stop=0.45))[1] == (2, "stop_loss", -10.0, 55.0)
    assert desk.story(desk.play(rows, [1.0] * 3, stop=0.495))[1] == (2, "liquidation", -10.0, 50.0)


def test_an_open_beyond_liquidation_liquidates_before_the_decision_trades(desk):
    rows = [*flat(100, 100), (45, 60, 45, 60), *flat(60)]

    result = desk.play(rows, [1.0, 0.5, 0.5, 0.5])

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (2, "liquidation", -10.0, 50.0)]
    assert desk.skips(result) == [(2, "flat until exposure is zero or changes sign", 5.0)]  # 0.5 * 1000 / 100


def test_higher_leverage_is_liquidated_sooner(desk):
    # max_leverage 2.5 -> 4x: bankrupt at 75, liquidation 76
    rows = [*flat(100, 100), (90, 90, 76, 80)]

    result = desk.play(rows, [2.5, 2.5, 2.5], max_leverage=2.5)

    assert desk.story(result)[1] == (2, "liquidation", -25.0, 75.0)


def test_ruin_stops_trading_and_closes_what_is_left(desk):
    # 2x long without liquidation in reach of the low: leverage 3 -> bankrupt 66.7; gap to 45 with a stop at the open:
    # 20 coins lose 55 each: 1000 - 1100 = -100
    rows = [*flat(100, 100), (45, 45, 45, 45), *flat(45, 90, 90)]

    result = desk.play(rows, [2.0, 2.0, -2.0, -2.0, 2.0, 2.0], max_leverage=2.0, stop=0.1)

    assert result.ruined_row == 2
    assert result.equity.tolist() == [1000.0, 1000.0, -100.0, -100.0, -100.0, -100.0]
    assert result.fills.size == 2


def test_a_position_held_into_ruin_is_closed_at_the_next_open(desk):
    # two symbols, the first ruins the sleeve by a jumped stop, the second is closed for it
    first = desk.series([*flat(100, 100), (40, 40, 40, 40), *flat(40)])
    second = desk.series(flat(100, 100, 100, 100), "BBBUSDT")
    market = desk.market(first, second)
    wanted = desk.decisions(market, [[2.0, 0.5]] * 4, stop=0.1, max_leverage=3.0)

    result = desk.backtest(market, wanted)

    # 20 coins lose 60 each: 1000 - 1200 = -200
    assert result.equity.tolist() == [1000.0, 1000.0, -200.0, -200.0]
    assert np.isnan(result.exposure[2, 1])
    assert desk.story(result)[-1] == (3, "close", -5.0, 100.0)


def test_a_stop_armed_where_the_open_already_is_fills_at_the_open(desk):
    # bought 20 % above the open by slippage: entry 120, stop 5 % under = 114, but the market is at 100
    costs = CostModel(half_spread_bps=2000.0, impact_k=0.0, impact_cap_bps=0.0)
    rows = flat(100, 100)

    result = desk.play(rows, [1.0, 1.0], stop=0.05, costs=costs)

    # reference 100, sold 20 % below: 80
    assert desk.story(result) == [(1, "entry", 10.0, 120.0), (1, "stop_loss", -10.0, 80.0)]


def test_a_take_profit_armed_below_the_open_by_averaging_fills_at_the_open(desk):
    # 5 at 100; 5 more at 200 (equity 1500, 0.667 * 1500 / 200 = 5.002): average 150.03 * 1.05 = 157.5 < 200
    result = desk.play(flat(100, 100, 200, 200), [0.5, 0.5, 0.667, 0.667], take=[NAN, NAN, 0.05, 0.05])

    assert desk.story(result)[-1] == (3, "take_profit", -5.002, 200.0)
