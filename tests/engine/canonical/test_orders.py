"""From a decision to its orders: when, how many coins, in how many pieces, and when not at all."""

from __future__ import annotations


def test_a_decision_fills_at_the_next_open_and_is_sized_at_its_own_close(canon):
    # 1,000 / 100 = 10 coins, though the open has moved to 104; at the close of 103 they have lost 1 each
    table = """
        bar             | decide | happens         | equity         | exposure
        90 110 90 100   | +1     |                 | 1000           | 0
        104 105 102 103 |        | entry +10 @ 104 | 1000 - 10*1    | 10*103/990
    """
    assert canon(table).differences == []


def test_a_short_is_the_same_the_other_way_round(canon):
    # sold at 104, marked at 103: 1 earned on each of 10
    table = """
        bar             | decide | happens         | equity         | exposure
        90 110 90 100   | -1     |                 | 1000           | 0
        104 105 102 103 |        | entry -10 @ 104 | 1000 + 10*1    | -10*103/1010
    """
    assert canon(table).differences == []


def test_coins_are_cut_towards_zero_on_either_side(canon):
    # 1,000 / 150 = 6.67: 6.5 in steps of a half; short, equity 1,000 / 130 = 7.69: 7.5
    table = """
        bar | decide | happens                              | equity
        150 | +1     |                                      | 1000
        150 | 0      | entry +6.5 @ 150                     | 1000
        130 | -1     | close -6.5 @ 130                     | 1000 - 6.5*20
        130 |        | entry -6.5 @ 130                     | 870
    """
    # 870 / 130 = 6.69: again 6.5
    assert canon(table, step="0.5").differences == []


def test_rounding_noise_costs_no_step(canon):
    # 0.3 x 1 / 1 in steps of 0.1 is 3 of them, though 0.3 / 0.1 is 2.9999999999999996 in binary
    table = """
        bar | decide | happens          | equity
        1   | +0.3   |                  | 1
        1   | 0.7    | entry +0.3 @ 1   | 1
        1   |        | entry +0.4 @ 1   | 1
    """
    assert canon(table, step="0.1", capital=1.0).differences == []


def test_a_coin_of_a_thousandth_of_a_cent_is_counted_as_exactly(canon):
    # 1,000 / 0.00001234 = 81,037,277.1: 81,037,200 in steps of 100. Stop 2 % under: 0.0000120932, on ticks of 1e-8
    # nearer the entry 0.0000121: 81,037,200 x -0.00000024
    table = """
        bar                                         | decide     | happens                          | equity
        0.00001234                                  | +1 stop 2% |                                  | 1000
        0.00001234 0.000013 0.00001211 0.000013     |            | entry +81037200 @ 0.00001234     | 1053.484552
        0.000013 0.000013 0.0000121 0.000013        |            | stop_loss -81037200 @ 0.0000121  | 980.551072
    """
    assert canon(table, tick="0.00000001", step="100", max_qty="100000000").differences == []


def test_a_decision_that_stays_is_not_rebalanced(canon):
    # 5 coins for good; the exposure drifts to 5 x 120 / 1,100
    table = """
        bar | decide | happens        | equity          | exposure
        100 | +0.5   |                | 1000            | 0
        100 | +0.5   | entry +5 @ 100 | 1000            | 0.5
        120 | +0.5   |                | 1000 + 5*20     | 600/1100
        80  | +0.5   |                | 1000 - 5*20     | 400/900
        150 | +0.5   |                | 1000 + 5*50     | 750/1250
    """
    assert canon(table).differences == []


def test_every_new_decision_compounds(canon):
    # 5 at 100; at 120 equity 1,100: 0.6 x 1,100 / 120 = 5.5; at 160 equity 1,100 + 5.5 x 40 = 1,320:
    # 0.5 x 1,320 / 160 = 4.125, sold 1.375; they were bought at (5 x 100 + 0.5 x 120) / 5.5 = 101.818...
    table = """
        bar | decide | happens                                                | equity
        100 | +0.5   |                                                        | 1000
        100 |        | entry +5 @ 100                                         | 1000
        120 | +0.6   |                                                        | 1100
        120 |        | entry +0.5 @ 120 left 5.5                              | 1100
        160 | +0.5   |                                                        | 1320
        160 |        | reduce -1.375 @ 160 real 1.375*(160-560/5.5) left 4.125 | 1320
        200 |        |                                                        | 1320 + 4.125*40
    """
    assert canon(table).differences == []


def test_a_smaller_account_buys_less(canon):
    # 10 lose 20 each: 800 are left, closed; the next 1.0 is 800 / 80 = 10 coins, then at 60 only 600 / 60 x 0.5 = 5
    table = """
        bar | decide | happens                   | equity | drawdown
        100 | +1     |                           | 1000   | 0
        100 | 0      | entry +10 @ 100           | 1000   | 0
        80  | +1     | close -10 @ 80 real -200  | 800    | 0.2
        80  |        | entry +10 @ 80            | 800    | 0.2
        60  | +0.5   |                           | 600    | 0.4
        60  |        | reduce -5 @ 60            | 600    | 0.4
        120 |        |                           | 900    | 0.1
    """
    assert canon(table).differences == []


def test_a_flip_is_a_whole_close_and_an_entry_at_one_open(canon):
    # long 10; at 110 equity 1,100, short 1,100 / 110 = 10; fees 0.1 % of 1,000, 1,100 and 1,100
    # the entry's fee of 1 is out of the 1,099 that the flip is sized on: 1,099 / 110 = 9.990909: 9.99
    table = """
        bar | decide | happens                                                                    | equity
        100 | +1     |                                                                            | 1000
        100 |        | entry +10 @ 100 fee 1                                                      | 999
        110 | -1     |                                                                            | 1099
        110 |        | close -10 @ 110 fee 1.1 real 100 left 0; entry -9.99 @ 110 fee 1.0989 left -9.99 | 1099 - 2.1989
        100 |        |                                                                            | 1096.8011 + 99.9
    """
    assert canon(table, fee="0.001").differences == []


def test_below_the_smallest_notional_nothing_is_sent(canon):
    # 0.049 x 1,000 = 49 at the close decided on is below 50, though 53.9 at the open; 0.05 x 1,000 = 50 is not,
    # though only 45 when it fills
    table = """
        bar             | decide | happens               | equity
        100             | +0.049 |                       | 1000
        110 110 100 100 | -0.05  | skip too_small +0.49  | 1000
        90              |        | entry -0.5 @ 90       | 1000
    """
    assert canon(table, min_notional=50).differences == []


def test_the_smallest_notional_is_reckoned_at_the_close_decided_on(canon):
    # 0.3 coins are worth 75 at 250 and 45 at 150, whatever the open they fill at
    table = """
        bar             | decide | happens                                | equity
        100 250 100 250 | +0.3   |                                        | 1000
        250 250 150 150 | -0.3   | entry +0.3 @ 250                       | 970
        150 250 150 250 | -0.3   | skip too_small -0.3; close -0.3 @ 150  | 970
    """
    assert canon.coins()(table, min_notional=70).differences == []


def test_a_small_change_is_skipped_both_ways_but_a_close_never_is(canon):
    # 5 coins; +0.4 and -0.4 are worth 40 < 50 and are not tried again; the last 0.6, 36 at 60, may be closed
    table = """
        bar | decide | happens              | equity
        100 | +0.5   |                      | 1000
        100 | +0.54  | entry +5 @ 100       | 1000
        100 | +0.46  | skip too_small +0.4  | 1000
        100 | +0.46  | skip too_small -0.4  | 1000
        100 | +0.06  |                      | 1000
        100 | +0.06  | reduce -4.4 @ 100    | 1000
        60  | 0      |                      | 1000 - 0.6*40
        60  |        | close -0.6 @ 60      | 976
    """
    assert canon(table, min_notional=50).differences == []


def test_the_smallest_quantity_counts_apart_from_the_notional(canon):
    # 0.049 x 1,000 / 100 = 0.49 coins < 0.5; 0.05: 0.5 is enough
    table = """
        bar | decide | happens              | equity
        100 | +0.049 |                      | 1000
        100 | -0.05  | skip too_small +0.49 | 1000
        100 |        | entry -0.5 @ 100     | 1000
    """
    assert canon(table, min_qty="0.5").differences == []


def test_less_than_one_step_is_recorded_once_as_nothing(canon):
    # 0.0009 x 1,000 / 1,000 = 0.0009 coins: no step of 0.001
    table = """
        bar  | decide  | happens          | equity
        1000 | +0.0009 |                  | 1000
        1000 | +0.0009 | skip too_small 0 | 1000
        1000 |         |                  | 1000
    """
    assert canon(table).differences == []


def test_an_order_above_the_largest_is_sent_in_even_pieces(canon):
    # 10 coins, at most 4 an order: three of 3.334, 3.333, 3.333; closing likewise
    table = """
        bar | decide | happens                                                      | equity
        100 | +1     |                                                              | 1000
        100 | 0      | entry +3.334 @ 100; entry +3.333 @ 100; entry +3.333 @ 100   | 1000
        110 |        | close -3.334 @ 110; close -3.333 @ 110; close -3.333 @ 110   | 1100
    """
    assert canon(table, max_qty=4).differences == []


def test_both_legs_of_a_flip_come_in_pieces(canon):
    # 7 are closed as 3.5 and 3.5, 5 entered as 2.5 and 2.5
    table = """
        bar | decide | happens                                                                       | equity
        100 | +0.7   |                                                                               | 1000
        100 | -0.5   | 2x entry +3.5 @ 100                                                           | 1000
        110 |        | close -3.5 @ 110 left 3.5; close -3.5 @ 110 left 0; 2x entry -2.5 @ 110       | 1070
        100 |        |                                                                               | 1120
    """
    assert canon(table, max_qty=4).differences == []


def test_beyond_fifty_orders_an_entry_is_cut_and_a_close_goes_on(canon):
    # 0.1 an order, so 5 coins an open: 5 of 10 bought, 5 dropped; 2 more later; 7 are closed as 5 and 2
    # (what is not sent is known when orders are planned, so it is recorded before they fill)
    table = """
        bar | decide | happens                                  | equity
        100 | +1     |                                          | 1000
        100 | +0.7   | skip too_large +5; 50x entry +0.1 @ 100  | 1000
        100 | 0      | 20x entry +0.1 @ 100                     | 1000
        100 |        | 50x close -0.1 @ 100                     | 1000
        110 |        | 20x close -0.1 @ 110                     | 1000 + 2*10
        110 |        |                                          | 1020
    """
    assert canon(table, max_qty="0.1").differences == []


def test_while_a_close_is_unfinished_its_flip_is_dropped(canon):
    # 7 held (as above): a flip to -1 closes 5, drops the 10 it would sell, closes 2 and stays flat
    table = """
        bar | decide | happens                                  | equity
        100 | +0.5   |                                          | 1000
        100 | +0.7   | 50x entry +0.1 @ 100                     | 1000
        100 | -1     | 20x entry +0.1 @ 100                     | 1000
        100 |        | skip not_flat -10; 50x close -0.1 @ 100  | 1000
        100 |        | 20x close -0.1 @ 100                     | 1000
        100 |        |                                          | 1000
    """
    assert canon(table, max_qty="0.1").differences == []


def test_on_a_bar_that_is_not_traded_an_entry_is_dropped_for_good(canon):
    table = """
        bar   | decide | happens              | equity
        100   | +1     |                      | 1000
        x 100 |        | skip not_traded +10  | 1000
        100   |        |                      | 1000
        100   | +0.5   |                      | 1000
        100   |        | entry +5 @ 100       | 1000
    """
    assert canon(table).differences == []


def test_on_bars_that_are_not_traded_a_reduction_waits(canon):
    # decided before the halt, done at the first open after it, at that price: 6 x 90 realise -60
    table = """
        bar   | decide | happens                     | equity
        100   | +1     |                             | 1000
        100   | +0.4   | entry +10 @ 100             | 1000
        x 100 |        |                             | 1000
        x 100 |        |                             | 1000
        90    |        | reduce -6 @ 90 real -60     | 900
    """
    assert canon(table).differences == []


def test_a_decision_made_while_halted_is_traded_at_the_first_open_after(canon):
    # the close of a halted bar is the last traded one
    table = """
        bar   | decide | happens         | equity
        100   | 0      |                 | 1000
        x 100 | +1     |                 | 1000
        125   |        | entry +10 @ 125 | 1000
    """
    assert canon(table).differences == []


def test_a_newer_decision_replaces_a_reduction_that_waits(canon):
    # down to 4 while halted, then to 8: 2 are sold; a raise after it drops the reduction altogether
    table = """
        bar   | decide | happens              | equity
        100   | +1     |                      | 1000
        100   | +0.4   | entry +10 @ 100      | 1000
        x 100 | +0.8   |                      | 1000
        100   | +0.2   | reduce -2 @ 100      | 1000
        x 100 | +0.9   |                      | 1000
        100   |        | entry +1 @ 100       | 1000
    """
    assert canon(table).differences == []


def test_a_flip_over_a_halt_closes_after_it_and_never_enters(canon):
    table = """
        bar   | decide | happens             | equity
        100   | +1     |                     | 1000
        100   | -0.4   | entry +10 @ 100     | 1000
        x 100 |        | skip not_traded -4  | 1000
        105   |        | close -10 @ 105     | 1050
        105   |        |                     | 1050
    """
    assert canon(table).differences == []


def test_after_the_last_bar_nothing_is_closed_and_its_decision_is_dropped(canon):
    table = """
        bar | decide | happens         | equity
        100 | +1     |                 | 1000
        100 |        | entry +10 @ 100 | 1000
        130 | 0      |                 | 1300
    """
    played = canon(table)

    assert played.differences == []
    assert (played.result.totals.realised, played.result.totals.unrealised) == (0.0, 300.0)


def test_a_split_of_one_bar_decides_and_trades_nothing(canon):
    table = """
        bar            | decide | happens | equity | drawdown | exposure
        90 110 90 100  | +1     |         | 1000   | 0        | 0
    """
    assert canon(table).differences == []


def test_wanted_coins_are_traded_as_given(canon):
    # 2.0005 is cut to 2; the same number again is no new decision; a flip is two legs
    table = """
        bar | decide  | happens                           | equity
        100 | +2.0005 |                                   | 1000
        100 | +2.0005 | entry +2 @ 100                    | 1000
        150 | +3      |                                   | 1100
        150 | -1      | entry +1 @ 150                    | 1100
        90  |         | close -3 @ 90; entry -1 @ 90      | 1000 - 2*10 - 1*60
        80  | 0       |                                   | 920 + 10
        80  |         | close +1 @ 80                     | 930
    """
    assert canon.coins()(table).differences == []
