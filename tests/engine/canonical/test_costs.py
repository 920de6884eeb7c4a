"""What a fill costs: ticks, fee, spread, impact."""

from __future__ import annotations

import pytest


def test_prices_go_to_the_tick_away_from_the_trader(canon):
    # an open of 100.04 on ticks of 0.1: bought at 100.1, sold at 100.0
    table = """
        bar    | decide | happens                              | equity
        100    | +1     |                                      | 1000
        100.04 | 0      | entry +10 @ 100.1 slip 10*0.06       | 1000 - 0.6
        100.04 |        | close -10 @ 100 slip 10*0.04 real -1 | 999
    """
    assert canon(table).differences == []


def test_a_long_pays_spread_and_fee_on_both_sides(canon):
    # bought 0.25 % above 200: 200.5; sold 0.25 % below 210: 209.475, on ticks of 0.05 at 209.45; fee 0.06 % of each
    table = """
        bar | decide | happens                                                       | equity
        200 | +1     |                                                               | 1000
        200 | 0      | entry +5 @ 200.5 fee 0.6015 slip 5*0.5                        | 1000 - 2.5 - 0.6015
        210 |        | close -5 @ 209.45 fee 0.62835 slip 5*0.55 real 5*8.95 left 0  | 1000 + 44.75 - 1.22985
    """
    played = canon(table, tick="0.05", fee="0.0006", costs=(25, 0, 0))

    assert played.differences == []
    assert played.result.totals.fees == pytest.approx(0.6015 + 0.62835, rel=1e-12)
    assert played.result.totals.slippage == pytest.approx(2.5 + 2.75, rel=1e-12)


def test_a_short_pays_spread_and_fee_on_both_sides(canon):
    # sold 0.25 % below 200: 199.5; bought 0.25 % above 210: 210.525, on ticks of 0.05 at 210.55
    table = """
        bar | decide | happens                                                         | equity
        200 | -1     |                                                                 | 1000
        200 | 0      | entry -5 @ 199.5 fee 0.5985 slip 5*0.5                          | 1000 - 2.5 - 0.5985
        210 |        | close +5 @ 210.55 fee 0.63165 slip 5*0.55 real -5*11.05 left 0  | 1000 - 55.25 - 1.23015
    """
    assert canon(table, tick="0.05", fee="0.0006", costs=(25, 0, 0)).differences == []


def test_stress_scales_fee_and_spread(canon):
    # 1.5 x 10 bp = 15 bp: 100.15, to the tick 100.2; fee 1.5 x 0.1 % of 1,002
    table = """
        bar | decide | happens                     | equity
        100 | +1     |                             | 1000
        100 |        | entry +10 @ 100.2 fee 1.503 | 1000 - 2 - 1.503
    """
    assert canon(table, fee="0.001", costs=(10, 0, 0), stress=1.5).differences == []


def test_impact_grows_with_the_root_of_notional_over_the_median_turnover_before_the_fill(canon):
    # k = 1 %. 1,000 of 4,000: root 1/2, 0.5 %. 400 of (4,000 + 76,000) / 2: root 1/10, 0.1 %.
    # 600 of the middle one of 4,000, 9,600 and 76,000: root 1/4, 0.25 %. The fill's own bar never matters.
    table = """
        bar | turnover | decide | happens                               | equity
        100 | 4000     | +10    |                                       | 1000
        100 | 76000    | +6     | entry +10 @ 100.5 slip 5              | 1000 - 5
        100 | 9600     | 0      | reduce -4 @ 99.9 slip 0.4 real -4*0.6 | 1000 - 2.4 - 6*0.5
        100 | 1        |        | close -6 @ 99.75 slip 1.5 real -4.5   | 1000 - 2.4 - 4.5
    """
    assert canon.coins()(table, tick="0.01", costs=(0, 100, 1000)).differences == []


def test_the_median_is_of_the_ninety_six_bars_before_the_fill(canon):
    # of exactly these 96 the middle two are 1,000 and 3,000: median 2,000; 500 of it: root 1/2, 0.5 %.
    # One bar more, less or later, and the median would be 1,000 or 3,000: 0.71 or 0.41 %.
    table = """
        n  | bar | turnover | decide | happens          | equity
        53 | 100 | 1000     |        |                  | 1000
        47 | 100 | 3000     |        |                  | 1000
        1  | 100 | 3000     | +5     |                  | 1000
        1  | 100 | 3000     |        | entry +5 @ 100.5 | 1000 - 2.5
    """
    assert canon.coins()(table, tick="0.01", costs=(0, 100, 1000)).differences == []


def test_impact_is_capped_and_the_spread_is_not(canon):
    # 1,000 of 1,000 would be 1 %, capped at 0.3 %, and 0.05 % spread; 1,000 of 100,000: 0.1 % and 0.05 %
    table = """
        bar | turnover | decide | happens            | equity
        100 | 1000     | +10    |                    | 1000
        100 | 199000   | +20    | entry +10 @ 100.35 | 1000 - 3.5
        100 | 1        |        | entry +10 @ 100.15 | 1000 - 3.5 - 1.5
    """
    assert canon.coins()(table, tick="0.01", costs=(5, 100, 30)).differences == []


def test_where_nothing_was_turned_over_impact_is_its_cap(canon):
    table = """
        bar | turnover | decide | happens            | equity
        100 | 0        | -1     |                    | 1000
        100 | 0        |        | entry -10 @ 99.65  | 1000 - 3.5
    """
    assert canon(table, tick="0.01", costs=(5, 100, 30)).differences == []


def test_an_order_in_pieces_is_no_cheaper(canon):
    # the three pieces bring the open's buying to 300, 600 and 900 of 1,000: 1 % x root of 0.3, 0.6, 0.9
    # = 0.5477, 0.7746 and 0.9487 %, to ticks of 0.1: 0.6, 0.8 and 1.0 more on 3 coins each
    table = """
        bar | turnover | decide | happens                                                               | equity
        100 | 1000     | +9     |                                                                       | 1000
        100 | 1000     |        | entry +3 @ 100.6; entry +3 @ 100.8; entry +3 @ 101                    | 1000 - 7.2
    """
    assert canon.coins()(table, max_qty="3", costs=(0, 100, 1000)).differences == []


def test_both_legs_of_a_flip_share_one_impact_and_the_next_open_starts_anew(canon):
    # buy 1,000 of 4,000: 0.5 %. The close sells 1,000: 0.5 %; the entry brings it to 2,000: 0.7071 %: 99.29 -> 99.2.
    # A bar later the close buys 1,000 for itself: 0.5 %
    table = """
        bar | turnover | decide | happens                                                    | equity
        100 | 4000     | +10    |                                                            | 1000
        100 | 4000     | -10    | entry +10 @ 100.5                                          | 995
        100 | 4000     | 0      | close -10 @ 99.5 real -10; entry -10 @ 99.2                | 1000 - 10 - 8
        100 | 4000     |        | close +10 @ 100.5 real -13                                 | 1000 - 10 - 13
    """
    assert canon.coins()(table, costs=(0, 100, 1000)).differences == []


def test_a_stop_that_the_open_jumped_shares_its_impact_with_the_flip_behind_it(canon):
    # bought 1,000 of 4,000: 100.5; stop 98.49 -> 98.5. At 96 the stop sells 960: 1 % x root 0.24: 95.53 -> 95.5;
    # the entry brings it to 1,920: 1 % x root 0.48: 95.33 -> 95.3, where 960 alone would have had 95.5
    table = """
        bar | turnover | decide      | happens                                          | equity
        100 | 4000     | +10 stop 2% |                                                  | 1000
        100 | 4000     | -10         | entry +10 @ 100.5                                | 995
        96  | 4000     |             | stop_loss -10 @ 95.5 real -50; entry -10 @ 95.3  | 1000 - 50 - 7
    """
    assert canon.coins()(table, costs=(0, 100, 1000)).differences == []


def test_a_trigger_inside_the_bar_counts_for_itself(canon):
    # buy 1,000 of 2,000: 0.7071 %: 100.8; stop 2 % under: 98.784 -> 98.8. Sell 500: 0.5 %: 99.5.
    # Then the stop sells 5 x 98.8 = 494, not 994: root 0.247 = 0.497: 98.8 x 0.99503 = 98.309 -> 98.3
    table = """
        bar             | turnover | decide       | happens                                                    | equity
        100             | 2000     | +10 stop 2%  |                                                            | 1000
        100             | 2000     | +5           | entry +10 @ 100.8                                          | 992
        100 100 98.8 99 | 2000     |              | reduce -5 @ 99.5 real -6.5; stop_loss -5 @ 98.3 real -12.5 | 981
    """
    assert canon.coins()(table, costs=(0, 100, 1000)).differences == []


def test_no_price_falls_below_one_tick(canon):
    # 0.1 less 30 % would be 0.07: nothing on ticks of 0.1, so 0.1
    table = """
        bar | decide | happens              | equity
        0.1 | -1     |                      | 1
        0.1 |        | entry -10 @ 0.1      | 1
    """
    assert canon(table, capital=1.0, costs=(3000, 0, 0)).differences == []


def test_fees_of_several_pieces_add_up_to_that_of_one(canon):
    # 0.1 % of 1,000, whether in one order or in two
    table = """
        bar | decide | happens                                           | equity
        100 | +1     |                                                   | 1000
        100 |        | entry +5 @ 100 fee 0.5; entry +5 @ 100 fee 0.5    | 999
        110 | 0      |                                                   | 1099
        110 |        | close -5 @ 110 fee 0.55; close -5 @ 110 fee 0.55  | 1099 - 1.1
    """
    assert canon(table, fee="0.001", max_qty=5).differences == []
