"""What one bar means: sizes, orders, costs. Free of charge unless said, 0.1 ticks, 0.001 coins, 1,000 quote."""

from __future__ import annotations

from decimal import Decimal

import pytest

from autarch.engine import CostModel
from autarch.engine import layout as at


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
    assert (result.states[0, at.DECIDED], result.states[0, at.PENDING]) == (1.0, at.NOTHING)
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
    # 50 * 1.005 = 50.25; the fill bar's own 9e9 must not matter
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)
    fine = desk.instrument(tick_size=Decimal("0.01"))

    result = desk.play(flat(50, 50, 50), [0.0, 0.5, 0.5], costs=costs, contract=fine, turnover=[1000.0, 3000.0, 9e9])

    assert desk.story(result) == [(2, "entry", 10.0, 50.25)]


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


def test_impact_is_reckoned_anew_at_each_open(desk):
    # buys 500: 100 bp * sqrt(0.5) = 70.71 bp -> 100.8; equity at close 996: 9.96 wanted, buys 4.96 = 496 more:
    # sqrt(0.496): 70.43 bp -> 100.8, and not the sum's sqrt(0.996): 99.8 bp -> 101.0
    costs = CostModel(half_spread_bps=0.0, impact_k=100.0, impact_cap_bps=1000.0)

    result = desk.play(flat(100, 100, 100), [0.5, 1.0, 1.0], costs=costs, turnover=1000.0)

    assert desk.story(result) == [(1, "entry", 5.0, 100.8), (2, "entry", 4.96, 100.8)]


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
