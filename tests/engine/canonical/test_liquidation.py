"""Liquidation of an isolated position, and ruin of a sleeve.

Leverage 1 gives a position twice its margin, ceil(1) + 1: 10 coins at 100 stand behind 500, so a long is
bankrupt at 50 and a short at 150. The first tier wants 1 % of the value: 10 at the entry.
"""

from __future__ import annotations

import pytest

TIERS = (("500", "0.01", "0"), ("100000", "0.05", "20"))  # 500 x (5 % - 1 %) = 20: no jump at the bracket


@pytest.mark.parametrize(
    ("bar", "event", "equity"), [("90 90 51 80", "liquidation -10 @ 50 real -500", "500"), ("90 90 51.1 80", "", "800")]
)
def test_a_long_is_liquidated_where_its_margin_is_down_to_the_maintenance(canon, bar, event, equity):
    # 500 + 10 x (P - 100) = 10: P = 51. (With the value at P: 500 - 9.9 P = 0: 50.5; the nearer of the two counts.)
    # All the margin is lost, whatever the low
    table = f"""
        bar   | decide | happens          | equity
        100   | +1     |                  | 1000
        100   |        | entry +10 @ 100  | 1000
        {bar} |        | {event}          | {equity}
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(
    ("bar", "event", "equity"),
    [("110 148.6 90 100", "liquidation +10 @ 150 real -500", "500"), ("110 148.5 90 100", "", "1000")],
)
def test_a_short_is_liquidated_above(canon, bar, event, equity):
    # 500 + 10 x (100 - P) = 10 P x 1 %: P = 1,500 / 10.1 = 148.51. (With the value at entry: 149, farther.)
    table = f"""
        bar   | decide | happens          | equity
        100   | -1     |                  | 1000
        100   |        | entry -10 @ 100  | 1000
        {bar} |        | {event}          | {equity}
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(("low", "event"), [("51.1", ""), ("51", "liquidation -10 @ 50 fee 0.5")])
def test_the_fee_to_close_comes_on_top(canon, low, event):
    # 0.1 % of 10 x 50 is 0.5: 500 + 10 x (P - 100) = 10 + 0.5: P = 51.05. Entry fee 1, closing fee 0.5
    table = f"""
        bar            | decide | happens               | equity
        100            | +1     |                       | 1000
        100            |        | entry +10 @ 100 fee 1 | 999
        90 90 {low} 90 |        | {event}               | {"1000 - 1 - 500 - 0.5" if event else "899"}
    """
    assert canon(table, fee="0.001").differences == []


@pytest.mark.parametrize(("high", "event"), [("148.3", ""), ("148.4", "liquidation +10 @ 150 fee 1.5")])
def test_a_shorts_fee_to_close_comes_on_top(canon, high, event):
    # 0.1 % of 10 x 150 is 1.5: 1,500 - 10 P = 0.1 P + 1.5: P = 1,498.5 / 10.1 = 148.366
    table = f"""
        bar                | decide | happens               | equity
        100                | -1     |                       | 1000
        100                |        | entry -10 @ 100 fee 1 | 999
        100 {high} 100 100 |        | {event}               | {"1000 - 1 - 500 - 1.5" if event else "999"}
    """
    assert canon(table, fee="0.001").differences == []


@pytest.mark.parametrize(("low", "event"), [("76.1", ""), ("76", "liquidation -25 @ 75")])
def test_leverage_is_the_ceiling_and_one(canon, low, event):
    # 2.5 x: 25 coins, ceil(2.5) + 1 = 4 times the margin: bankrupt at 75, 1 % of 100 before it
    table = f"""
        bar            | decide | happens         | equity
        100            | +2.5   |                 | 1000
        100            |        | entry +25 @ 100 | 1000
        90 90 {low} 90 |        | {event}         | {"375" if event else "750"}
    """
    assert canon(table, leverage=2.5).differences == []


@pytest.mark.parametrize(("side", "bar", "price"), [("+", "90 90 60 80", "66.6"), ("-", "110 140 90 100", "133.4")])
def test_the_bankruptcy_price_is_on_a_tick_against_the_trader(canon, side, bar, price):
    # 3 times the margin: 100 x (1 -+ 1/3) = 66.67 and 133.33
    table = f"""
        bar   | decide  | happens                            | equity
        100   | {side}2 |                                    | 1000
        100   |         | entry {side}20 @ 100               | 1000
        {bar} |         | liquidation {"-" if side == "+" else "+"}20 @ {price} | 1000 - 20*33.4
    """
    assert canon(table, leverage=2.0).differences == []


@pytest.mark.parametrize(("low", "event"), [("53.1", ""), ("53", "liquidation -10 @ 50")])
def test_a_larger_position_stands_in_a_higher_tier_less_its_deduction(canon, low, event):
    # 1,000 is in the second: 5 % less 20 = 30: 500 + 10 x (P - 100) = 30: P = 53
    table = f"""
        bar            | decide | happens         | equity
        100            | +1     |                 | 1000
        100            |        | entry +10 @ 100 | 1000
        90 90 {low} 90 |        | {event}         | {"500" if event else "900"}
    """
    assert canon(table, tiers=TIERS).differences == []


@pytest.mark.parametrize(("high", "event"), [("147.6", ""), ("147.7", "liquidation +4 @ 150")])
def test_a_short_that_grows_into_a_higher_tier_is_held_to_it(canon, high, event):
    # 4 x 100 = 400 is in the first tier; 600 - 4 P = 4 P x 1 % gives 148.51, worth 594: in the second, where
    # 600 - 4 P = 4 P x 5 % - 20: P = 620 / 4.2 = 147.62
    table = f"""
        bar                | decide | happens        | equity
        100                | -0.4   |                | 1000
        100                |        | entry -4 @ 100 | 1000
        100 {high} 100 100 |        | {event}        | {"800" if event else "1000"}
    """
    assert canon(table, tiers=TIERS).differences == []


def test_adding_moves_the_price_and_so_does_reducing(canon):
    # 4 coins stand in the first tier, at 51; 10 in the second, at 53; 4 again at 51: a low of 52 takes only the 10
    kept = """
        bar             | decide | happens          | equity
        100             | +4     |                  | 1000
        100 100 52 100  | +10    | entry +4 @ 100   | 1000
        100             | +4     | entry +6 @ 100   | 1000
        100 100 52 100  |        | reduce -6 @ 100  | 1000
    """
    taken = """
        bar             | decide | happens                                | equity
        100             | +4     |                                        | 1000
        100 100 52 100  | +10    | entry +4 @ 100                         | 1000
        100 100 52 100  |        | entry +6 @ 100; liquidation -10 @ 50   | 500
    """
    assert canon.coins()(kept, tiers=TIERS).differences == []
    assert canon.coins()(taken, tiers=TIERS).differences == []


def test_an_open_beyond_the_price_liquidates_before_the_decision_trades(canon):
    # bankrupt at 50 though the open is at 45: the venue bears the rest. The flip's entry of 5 is then made at 45
    reduce = """
        bar         | decide | happens                                   | equity
        100         | +10    |                                           | 1000
        100         | +5     | entry +10 @ 100                           | 1000
        45 60 45 60 |        | liquidation -10 @ 50; skip latched +5     | 500
    """
    flip = """
        bar         | decide | happens                                   | equity
        100         | +10    |                                           | 1000
        100         | -5     | entry +10 @ 100                           | 1000
        45 60 45 60 |        | liquidation -10 @ 50; entry -5 @ 45       | 500 - 5*15
    """
    assert canon.coins()(reduce).differences == []
    assert canon.coins()(flip).differences == []


@pytest.mark.parametrize(("distance", "event"), [("45%", "stop_loss -10 @ 55"), ("49.5%", "liquidation -10 @ 50")])
def test_of_stop_and_liquidation_the_nearer_comes_first(canon, distance, event):
    # liquidation at 51: a stop at 55 is met before it, one at 50.5 after it
    table = f"""
        bar         | decide             | happens         | equity
        100         | +1 stop {distance} |                 | 1000
        100         |                    | entry +10 @ 100 | 1000
        90 90 40 80 |                    | {event}         | {"550" if "stop" in event else "500"}
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(("distance", "event"), [("45%", "stop_loss +10 @ 145"), ("49%", "liquidation +10 @ 150")])
def test_so_it_is_for_a_short(canon, distance, event):
    # liquidation at 148.51: a stop at 145 before it, one at 149 after it
    table = f"""
        bar             | decide             | happens         | equity
        100             | -1 stop {distance} |                 | 1000
        100             |                    | entry -10 @ 100 | 1000
        110 160 110 120 |                    | {event}         | {"550" if "stop" in event else "500"}
    """
    assert canon(table).differences == []


def test_a_stop_on_the_liquidation_price_comes_too_late(canon):
    # both at 51: nothing tells which is first, so the worse is assumed
    table = """
        bar         | decide       | happens                             | equity
        100         | +1 stop 49%  |                                     | 1000
        100         |              | entry +10 @ 100                     | 1000
        90 90 51 80 |              | liquidation -10 @ 50                | 500
    """
    assert canon(table).differences == []


def test_a_liquidation_pays_no_spread_and_no_impact(canon):
    # bought 0.1 % above 100: 100.1; bankrupt at 50.05, so 50.0 on a tick; 0.1 % below that would be 49.9
    table = """
        bar         | turnover | decide | happens                        | equity
        100         | 1000     | +1     |                                | 1000
        100         | 1000     |        | entry +10 @ 100.1              | 999
        90 90 51 80 | 1000     |        | liquidation -10 @ 50           | 1000 - 10*50.1
    """
    assert canon(table, costs=(10, 0, 0)).differences == []


def test_where_liquidation_and_take_profit_are_both_in_reach_it_is_liquidated(canon):
    table = """
        bar            | decide      | happens                                | equity
        100            | +1 take 20% |                                        | 1000
        100 130 40 100 |             | entry +10 @ 100; liquidation -10 @ 50  | 500
    """
    assert canon(table).differences == []


def test_the_smallest_distance_to_liquidation_is_told(canon):
    # liquidation at 51; the lows came to 68 and 60: (60 - 51) / 60; a symbol never held has none
    table = """
        bar A          | decide A | bar B | decide B | happens           | equity
        100            | +0.5     | 50    | 0        |                   | 1000
        100 100 68 100 |          | 50    |          | A entry +5 @ 100  | 1000
        100 100 60 100 |          | 50    |          |                   | 1000
    """
    played = canon(table)

    assert played.differences == []
    assert played.result.liquidation_gap.tolist() == pytest.approx([9 / 60, float("inf")], rel=1e-12)


@pytest.mark.parametrize(("bar", "event", "met"), [("99 99 60 60", "@ 98", 98), ("80 85 60 85", "@ 80", 80)])
def test_where_a_stop_fills_the_distance_ends(canon, bar, event, met):
    # the low of 60 came after the stop had sold; the entry bar's low of 99 was farther away
    table = f"""
        bar           | decide     | happens              | equity
        100           | +1 stop 2% |                      | 1000
        100 100 99 99 |            | entry +10 @ 100      | 990
        {bar}         |            | stop_loss -10 {event} | 1000 - 10*{100 - met}
    """
    played = canon(table)

    assert played.differences == []
    assert played.result.liquidation_gap[0] == pytest.approx((met - 51) / met, rel=1e-12)


def test_a_liquidation_takes_its_own_margin_and_no_more(canon):
    # A loses 250 of its 5 coins' margin of 250; B's position stays
    table = """
        bar A       | decide A | bar B | decide B | happens                              | equity
        100         | +0.5     | 50    | -0.5     |                                      | 1000
        100         |          | 50    |          | A entry +5 @ 100; B entry -10 @ 50   | 1000
        90 90 20 20 |          | 40    |          | A liquidation -5 @ 50                | 1000 - 250 + 100
        20          |          | 40    |          |                                      | 850
    """
    assert canon(table).differences == []


def test_equity_of_nothing_is_ruin_and_nothing_is_traded_after_it(canon):
    # 20 coins stopped at 50: all of 1,000 is lost; -1 and +1 are decided in vain
    table = """
        bar | decide      | happens             | equity | drawdown
        100 | +2 stop 10% |                     | 1000   | 0
        100 | +2 stop 10% | entry +20 @ 100     | 1000   | 0
        50  | -1          | stop_loss -20 @ 50  | 0      | 1
        50  | +1          |                     | 0      | 1
        90  |             |                     | 0      | 1
    """
    played = canon(table, leverage=2.0)

    assert played.differences == []
    assert played.result.ruined_row == 2


def test_a_hair_above_nothing_trading_goes_on(canon):
    # stopped at 50.1: 2 are left; sold short, 1.0 of 2 / 50.1 = 0.0399: 0.039 coins
    table = """
        bar  | decide      | happens               | equity
        100  | +2 stop 10% |                       | 1000
        100  | +2 stop 10% | entry +20 @ 100       | 1000
        50.1 | -1          | stop_loss -20 @ 50.1  | 2
        50.1 |             | entry -0.039 @ 50.1   | 2
        40.1 |             |                       | 2.39
    """
    played = canon(table, leverage=2.0)

    assert played.differences == []
    assert played.result.ruined_row is None


def test_ruin_closes_what_is_left_at_the_next_open_and_for_good(canon):
    # A's stop of 90 is jumped to 40: 20 x -60; B's 5 coins are closed at 110 though its decision stays; 50 come back
    # too late
    table = """
        bar A | decide A    | bar B | decide B | happens                              | equity | exposure B
        100   | +2 stop 10% | 100   | +0.5     |                                      | 1000   | 0
        100   |             | 100   |          | A entry +20 @ 100; B entry +5 @ 100  | 1000   | 0.5
        40    | 0           | 100   |          | A stop_loss -20 @ 40                 | -200   | nan
        40    | +1          | 110   | +0.4     | B close -5 @ 110                     | -150   |
        40    |             | 110   |          |                                      | -150   |
    """
    played = canon(table, leverage=3.0)

    assert played.differences == []
    assert played.result.ruined_row == 2


def test_ruin_waits_for_a_bar_that_trades(canon):
    # B is halted at the next open: it is closed at the first open after, at 130
    table = """
        bar A | decide A    | bar B  | decide B | happens                              | equity
        100   | +2 stop 10% | 100    | +0.5     |                                      | 1000
        100   |             | 100    |          | A entry +20 @ 100; B entry +5 @ 100  | 1000
        40    |             | 100    |          | A stop_loss -20 @ 40                 | -200
        40    |             | x 100  |          |                                      | -200
        40    |             | 130    |          | B close -5 @ 130                     | -50
        40    | 0           | 130    | 0        |                                      | -50
    """
    assert canon(table, leverage=3.0).differences == []
