"""What one bar means: each rule alone, with the sum beside it. Free of charge, 0.1 ticks, 0.001 coins, 1,000 quote."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from autarch.engine import CostModel

NAN = math.nan


def flat(*prices):
    return [(p, p, p, p) for p in prices]


def test_a_decision_fills_at_the_next_open_and_is_sized_at_its_own_close(desk):
    # decided at close 100: 1000 / 100 = 10 coins; filled at 104; marked at 103: 1000 + 10 * (103 - 104) = 990
    rows = [(90, 110, 90, 100), (104, 105, 102, 103)]

    result = desk.play(rows, [1.0, 1.0])

    assert desk.story(result) == [(1, "entry", 10.0, 104.0)]
    assert result.equity.tolist() == [1000.0, 990.0]
    assert result.exposure[:, 0].tolist() == [0.0, 10 * 103 / 990]


def test_an_unchanged_exposure_is_not_rebalanced(desk):
    result = desk.play(flat(100, 100, 120, 80, 150), [0.5, 0.5, 0.5, 0.5, 0.5])

    assert desk.story(result) == [(1, "entry", 5.0, 100.0)]
    assert result.equity[-1] == 1250.0  # 1000 + 5 * (150 - 100)


def test_a_changed_exposure_is_sized_from_the_equity_of_its_own_close(desk):
    # 5 coins at 100; at close 120 equity is 1100: 0.6 * 1100 / 120 = 5.5 coins, so 0.5 more, at the open of row 3
    result = desk.play(flat(100, 100, 120, 120), [0.5, 0.5, 0.6, 0.6])

    assert desk.story(result) == [(1, "entry", 5.0, 100.0), (3, "entry", 0.5, 120.0)]


def test_quantities_are_cut_towards_zero(desk):
    # 1000 / 300 = 3.3333 -> 3.333 long, and -3.333 short
    assert desk.story(desk.play(flat(300, 300), [1.0, 1.0])) == [(1, "entry", 3.333, 300.0)]
    assert desk.story(desk.play(flat(300, 300), [-1.0, 0.0])) == [(1, "entry", -3.333, 300.0)]


def test_lowering_keeps_the_entry_and_realises_its_part(desk):
    # 10 at 100; at close 110 equity 1100, half of it: 550 / 110 = 5: sell 5 at 110, realising 50
    result = desk.play(flat(100, 100, 110, 110, 120), [1.0, 1.0, 0.5, 0.5, 0.5])

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (3, "reduce", -5.0, 110.0)]
    assert result.fills["realised"].tolist() == [0.0, 50.0]
    assert result.equity[-1] == 1150.0  # 1000 + 50 + 5 * (120 - 100)


def test_a_flip_closes_whole_and_enters_anew_at_the_same_open(desk):
    # long 10 at 100, at close 110 equity 1100: short 10: sell 10 to close, sell 10 to enter
    result = desk.play(flat(100, 100, 110, 110, 100), [1.0, 1.0, -1.0, -1.0, -1.0])

    assert desk.story(result) == [
        (1, "entry", 10.0, 100.0),
        (3, "close", -10.0, 110.0),
        (3, "entry", -10.0, 110.0),
    ]
    assert result.fills["position"].tolist() == [10.0, 0.0, -10.0]
    # 1000 + 100 realised + 10 * (110 - 100) on the short
    assert result.equity[-1] == 1200.0


def test_after_the_last_bar_nothing_is_closed_and_its_decision_is_dropped(desk):
    result = desk.play(flat(100, 100, 130), [1.0, 1.0, 0.0])

    assert desk.story(result) == [(1, "entry", 10.0, 100.0)]
    assert result.equity[-1] == 1300.0
    assert result.totals.unrealised == 300.0
    assert result.skipped.size == 0


def test_the_taker_pays_fee_and_slippage_on_both_sides(desk):
    # buy 10: 100 * 1.0015 = 100.15 -> 100.2; sell: 100 * 0.9985 = 99.85 -> 99.8
    # fees 0.1 %: 1.002 and 0.998; slippage 2.0 and 2.0; loss on price 4.0: 1000 - 4 - 2 = 994
    costs = CostModel(half_spread_bps=15.0, impact_k=0.0, impact_cap_bps=0.0)
    fee = desk.instrument(taker_fee=Decimal("0.001"))

    result = desk.play(flat(100, 100, 100), [1.0, 0.0, 0.0], costs=costs, contract=fee)

    assert desk.story(result) == [(1, "entry", 10.0, 100.2), (2, "close", -10.0, 99.8)]
    assert result.fills["fee"] == pytest.approx([1.002, 0.998], rel=1e-12)
    assert result.fills["slippage"] == pytest.approx([2.0, 2.0], rel=1e-12)
    assert result.equity[-1] == pytest.approx(994.0, rel=1e-12)
    assert result.totals.fees == pytest.approx(2.0, rel=1e-12)


def test_a_fee_factor_scales_the_fee(desk):
    fee = desk.instrument(taker_fee=Decimal("0.001"))
    costs = CostModel(half_spread_bps=0.0, impact_k=0.0, impact_cap_bps=0.0).scaled(2.0)

    result = desk.play(flat(100, 100), [1.0, 1.0], costs=costs, contract=fee)

    assert result.fills["fee"].tolist() == [2.0]


def test_impact_looks_at_the_turnover_known_before_the_fill(desk):
    # median of rows 0 and 1: (1000 + 3000) / 2 = 2000; notional 10 * 50 = 500: 100 bp * sqrt(0.25) = 50 bp
    # 50 * 1.005 = 50.25 -> 50.3; the fill bar's own 9e9 must not matter
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)

    result = desk.play(flat(50, 50, 50), [0.0, 0.5, 0.5], costs=costs, turnover=[1000.0, 3000.0, 9e9])

    assert desk.story(result) == [(2, "entry", 10.0, 50.3)]


def test_impact_takes_the_median_of_ninety_six_bars_only(desk):
    # 10 rows of 1e12, then 96 of 500: the median is 500 = the notional: 100 bp: 50.5
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)
    exposure = [0.0] * 105 + [0.5, 0.5]

    result = desk.play(flat(*[50] * 107), exposure, costs=costs, turnover=[1e12] * 10 + [500.0] * 97)

    assert desk.story(result) == [(106, "entry", 10.0, 50.5)]


def test_orders_of_one_side_at_one_open_share_their_impact(desk):
    # long 10 at 100 (free of spread). Flip at 100: close sells 1000: 100 bp * sqrt(1000 / 1000) = 1 % -> 99.0
    # the entry sells 1000 more: sqrt(2000 / 1000) = 1.4142 % -> 98.5858 -> 98.5
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)
    rows = flat(100, 100, 100, 100)

    result = desk.play(rows, [1.0, -0.99, -0.99, -0.99], costs=costs, turnover=1000.0)

    # entry at 101; equity at close 1 is 1000 - 10 = 990: -0.99 * 990 / 100 = -9.801: 1000 + 980.1 = 1980.1 sold
    # sqrt(1.9801) = 1.40716 %: 98.5928 -> 98.5
    assert desk.story(result) == [
        (1, "entry", 10.0, 101.0),
        (2, "close", -10.0, 99.0),
        (2, "entry", -9.801, 98.5),
    ]


def test_an_order_above_the_market_maximum_is_split_evenly_and_not_cheaper(desk):
    # 10 coins, at most 4 an order: 3.334 + 3.333 + 3.333
    # turnover 1000: 333.4 -> 57.74 bp -> 100.577 -> 100.6; 666.7 -> 81.65 bp -> 100.9; 1000 -> 100 bp -> 101.0
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)
    small = desk.instrument(max_market_qty=Decimal(4))

    result = desk.play(flat(100, 100), [1.0, 1.0], costs=costs, contract=small, turnover=1000.0)

    assert desk.story(result) == [
        (1, "entry", 3.334, 100.6),
        (1, "entry", 3.333, 100.9),
        (1, "entry", 3.333, 101.0),
    ]


def test_an_entry_beyond_fifty_orders_is_cut_and_a_close_is_pursued(desk):
    # 60 coins wanted, 1 an order, 50 orders: 50 bought, 10 skipped; closing what 60 could not is done at once
    tiny = desk.instrument(max_market_qty=Decimal(1))
    rows = flat(10, 10, 10, 10)

    result = desk.play(rows, [0.6, 0.0, 0.0, 0.0], contract=tiny)

    assert result.fills.size == 100
    assert result.fills["position"][49] == 50.0
    assert result.fills["position"][-1] == 0.0
    assert desk.skips(result) == [(1, "beyond the orders one leg may take", 10.0)]


def test_a_close_beyond_fifty_orders_goes_on_at_the_next_open_and_the_entry_is_dropped(desk):
    # bought in two raises: 40 then 80; flipping needs 80 orders: 50 now, 30 a bar later, and no entry
    tiny = desk.instrument(max_market_qty=Decimal(1))

    result = desk.play(flat(10, 10, 10, 10, 10), [0.4, 0.8, -0.1, -0.1, -0.1], contract=tiny)

    by_row = {row: int((result.fills["row"] == row).sum()) for row in range(5)}
    assert by_row == {0: 0, 1: 40, 2: 40, 3: 50, 4: 30}
    assert result.fills["position"][-1] == 0.0
    assert desk.skips(result) == [(3, "old position not closed yet", -10.0)]


def test_an_entry_below_the_minimum_notional_is_skipped_and_recorded(desk):
    # 0.04 * 1000 = 40 < 50; 0.05 * 1000 = 50 is not below
    minimum = desk.instrument(min_notional=Decimal(50))

    result = desk.play(flat(100, 100, 100), [0.04, 0.05, 0.05], contract=minimum)

    assert desk.skips(result) == [(1, "below the venue's minimum", 0.4)]
    assert desk.story(result) == [(2, "entry", 0.5, 100.0)]


def test_a_small_reduction_is_skipped_for_good_but_closing_is_never_too_small(desk):
    # 0.6 coins; to 0.4: selling 0.2 * 100 = 20 < 50 is skipped and not tried again; to zero: 0.6 * 60 = 36, done
    minimum = desk.instrument(min_notional=Decimal(50), min_order_qty=Decimal("0.3"))

    result = desk.play(flat(100, 100, 100, 100, 60, 60), [0.06, 0.04, 0.04, 0.04, 0.0, 0.0], contract=minimum)

    assert desk.skips(result) == [(2, "below the venue's minimum", -0.2)]
    assert desk.story(result) == [(1, "entry", 0.6, 100.0), (5, "close", -0.6, 60.0)]


def test_an_exposure_smaller_than_one_step_is_recorded(desk):
    result = desk.play(flat(100, 100), [0.00005, 0.0])

    assert desk.skips(result) == [(1, "below the venue's minimum", 0.0)]
    assert result.fills.size == 0


def test_funding_at_the_open_hits_the_position_carried_in_and_not_the_one_entered_there(desk):
    quarter = 900_000
    # stamps at the opens of rows 1 (entry there), 2 and 3 (close there), rate 1 %, mark = last close 100
    funding = {1 * quarter: 0.01, 2 * quarter: 0.01, 3 * quarter: 0.01, 4 * quarter: 0.01}

    result = desk.play(flat(100, 100, 100, 100, 100), [1.0, 1.0, 0.0, 0.0, 0.0], funding=funding)

    # row 1: nothing carried in; rows 2 and 3: 10 * 100 * 0.01 = 10 each; row 4: closed at the open of 3
    assert result.funding["row"].tolist() == [2, 3]
    assert result.funding["payment"].tolist() == [10.0, 10.0]
    assert result.equity.tolist() == [1000.0, 1000.0, 990.0, 980.0, 980.0]


def test_funding_inside_the_bar_comes_after_its_stops(desk):
    quarter = 900_000
    # entered at the open of row 1 and stopped out inside it at 98: the stamp inside finds nothing
    rows = [(100, 100, 100, 100), (100, 100, 97, 99), (99, 99, 99, 99)]
    funding = {quarter + 1: 0.01}

    stopped = desk.play(rows, [1.0, 1.0, 1.0], stop=0.02, funding=funding)
    held = desk.play(rows, [1.0, 1.0, 1.0], stop=0.05, funding=funding)

    assert stopped.funding.size == 0
    assert held.funding["payment"].tolist() == [10.0]  # 10 coins * last close 100 * 1 %
    assert held.funding["ts"].tolist() == [desk.start_ms + quarter + 1]


def test_a_short_receives_a_positive_rate(desk):
    result = desk.play(flat(100, 100, 100), [-1.0, -1.0, -1.0], funding={1_800_000: 0.01})

    assert result.funding["payment"].tolist() == [-10.0]
    assert result.equity[-1] == 1010.0


def test_funding_uses_the_newest_mark_at_or_before_the_stamp_else_the_last_close(desk):
    quarter = 900_000
    funding = {2 * quarter: 0.01, 3 * quarter: 0.01, 4 * quarter: 0.01}
    mark = {3 * quarter: 120.0, 4 * quarter + 1: 999.0}

    result = desk.play(flat(100, 100, 110, 110, 110), [1.0] * 5, funding=funding, mark=mark)

    # stamp 2: no mark yet: close of row 1 = 100; stamp 3: mark stamped there; stamp 4: the newer one is too late
    assert result.funding["mark"].tolist() == [100.0, 120.0, 120.0]
    assert result.funding["payment"].tolist() == [10.0, 12.0, 12.0]


def test_several_stamps_inside_one_bar_are_each_paid(desk):
    hour = 3_600_000
    market = desk.market(
        desk.series(flat(100, 100, 100), funding={26 * hour: 0.001, 32 * hour: 0.002, 48 * hour: 0.004}), interval="1d"
    )
    result = desk.backtest(market, desk.decisions(market, [1.0, 1.0, 1.0]))

    # day 1 holds 10 coins: 1.0 and 2.0 inside it; 4.0 at the open of day 2
    assert result.funding["payment"].tolist() == [1.0, 2.0, 4.0]
    assert result.funding["row"].tolist() == [1, 1, 2]


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


def test_on_a_bar_that_does_not_trade_a_raise_is_dropped_for_good(desk):
    result = desk.play(flat(100, 100, 100), [1.0, 1.0, 1.0], traded=[True, False, True])

    assert result.fills.size == 0
    assert desk.skips(result) == [(1, "bar not traded", 10.0)]


def test_on_bars_that_do_not_trade_a_reduction_waits_and_is_then_done(desk):
    result = desk.play(
        flat(100, 100, 100, 100, 100), [1.0, 0.4, 0.4, 0.4, 0.4], traded=[True, True, False, False, True]
    )

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (4, "reduce", -6.0, 100.0)]
    assert result.skipped.size == 0


def test_a_flip_over_bars_that_do_not_trade_closes_later_and_never_enters(desk):
    result = desk.play(
        flat(100, 100, 100, 100, 100), [1.0, -0.4, -0.4, -0.4, -0.4], traded=[True, True, False, True, True]
    )

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (3, "close", -10.0, 100.0)]
    assert desk.skips(result) == [(2, "bar not traded", -4.0)]


def test_a_newer_decision_replaces_a_waiting_reduction(desk):
    # to 0.4 while halted, then to 0.8: only 2 of 10 are sold when trading resumes
    result = desk.play(flat(100, 100, 100, 100), [1.0, 0.4, 0.8, 0.8], traded=[True, True, False, True])

    assert desk.story(result) == [(1, "entry", 10.0, 100.0), (3, "reduce", -2.0, 100.0)]


def test_a_carried_position_pays_funding_through_a_halt(desk):
    result = desk.play(flat(100, 100, 100, 100), [1.0] * 4, traded=[True, True, False, True], funding={1_800_000: 0.01})

    assert result.funding["payment"].tolist() == [10.0]


def test_a_stop_is_not_touched_on_a_bar_that_does_not_trade_but_jumped_after_it(desk):
    rows = [*flat(100, 100, 100), (90, 92, 90, 92)]

    result = desk.play(rows, [1.0] * 4, stop=0.05, traded=[True, True, False, True])

    assert desk.story(result)[1] == (3, "stop_loss", -10.0, 90.0)


def test_each_mode_means_an_equal_slice_and_panel_the_whole(desk):
    market = desk.market(desk.series(flat(100, 100)), desk.series(flat(50, 50), "BBBUSDT"))

    each = desk.backtest(market, desk.decisions(market, [[1.0, -1.0]] * 2, mode="each"))
    panel = desk.backtest(market, desk.decisions(market, [[0.5, -0.25]] * 2, mode="panel"))

    # each: 500 / 100 = 5 and -500 / 50 = -10; panel: 500 / 100 = 5 and -250 / 50 = -5
    assert each.fills["qty"].tolist() == [5.0, -10.0]
    assert panel.fills["qty"].tolist() == [5.0, -5.0]


def test_symbols_share_one_equity(desk):
    # A makes 10 * 20 = 200; B is then sized on 1200: 0.5 * 1200 / 50 = 12
    market = desk.market(desk.series(flat(100, 100, 120, 120)), desk.series(flat(50, 50, 50, 50), "BBBUSDT"))
    exposure = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.5], [1.0, 0.5]]

    result = desk.backtest(market, desk.decisions(market, exposure, max_leverage=2.0))

    assert desk.story(result)[-1] == (3, "entry", 12.0, 50.0)
    assert result.fills["symbol"].tolist() == [0, 1]


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
