"""After a forced exit a symbol stays flat until its exposure has been zero or has changed sign."""

from __future__ import annotations


def test_the_side_stopped_out_is_not_entered_again_until_exposure_was_zero(canon):
    # stopped at 98: 980 left. 0.5 asks for 0.5 x 980 / 100 = 4.9 and is only recorded; after zero it is bought
    table = """
        bar            | decide       | happens                             | equity
        100            | +1 stop 2%   |                                     | 1000
        100 100 97 100 | +0.5 stop 2% | entry +10 @ 100; stop_loss -10 @ 98 | 980
        100            | 0            | skip latched +4.9                   | 980
        100            | +0.5 stop 2% |                                     | 980
        100            |              | entry +4.9 @ 100                    | 980
    """
    assert canon(table).differences == []


def test_an_exposure_that_stays_never_enters_again(canon):
    table = """
        bar            | decide       | happens                             | equity
        100            | -1 stop 2%   |                                     | 1000
        100 103 99 100 | -1 stop 2%   | entry -10 @ 100; stop_loss +10 @ 102 | 980
        100            | -1 stop 2%   |                                     | 980
        100            | -1 stop 2%   |                                     | 980
    """
    assert canon(table).differences == []


def test_the_other_side_may_be_entered_at_once(canon):
    # 0.5 x 980 / 100 = 4.9, sold at the next open; back to the first side is a change of sign as well
    table = """
        bar            | decide       | happens                                    | equity
        100            | +1 stop 2%   |                                            | 1000
        100 100 97 100 | -0.5         | entry +10 @ 100; stop_loss -10 @ 98        | 980
        100            | +0.5         | entry -4.9 @ 100                           | 980
        100            |              | close +4.9 @ 100; entry +4.9 @ 100         | 980
    """
    assert canon(table).differences == []


def test_a_short_that_was_stopped_out_waits_too(canon):
    # -0.5 of 980 is 4.9 coins, recorded; zero lets go; then -4.9 is sold
    table = """
        bar             | decide     | happens                              | equity
        100             | -1 stop 2% |                                      | 1000
        100 103 100 100 | -0.5       | entry -10 @ 100; stop_loss +10 @ 102 | 980
        100             | 0          | skip latched -4.9                    | 980
        100             | -0.5       |                                      | 980
        100             |            | entry -4.9 @ 100                     | 980
    """
    assert canon(table).differences == []


def test_a_take_profit_latches_like_a_stop(canon):
    # 10 x 5 earned: 0.8 x 1,050 / 100 = 8.4, not bought
    table = """
        bar             | decide     | happens                                 | equity
        100             | +1 take 5% |                                         | 1000
        100 105 100 100 | +0.8       | entry +10 @ 100; take_profit -10 @ 105  | 1050
        100             |            | skip latched +8.4                       | 1050
        100             | 0          |                                         | 1050
    """
    assert canon(table).differences == []


def test_a_liquidation_latches_like_a_stop(canon):
    # at twice its margin a long of 100 is bankrupt at 50: 500 are left; 0.5 x 500 / 50 = 5, not bought
    table = """
        bar          | decide | happens                                  | equity
        100          | +1     |                                          | 1000
        100          |        | entry +10 @ 100                          | 1000
        90 90 50 50  | +0.5   | liquidation -10 @ 50                     | 500
        50           | 0      | skip latched +5                          | 500
        50           | +0.5   |                                          | 500
        50           |        | entry +5 @ 50                            | 500
    """
    assert canon(table).differences == []


def test_zero_decided_at_the_close_of_the_stops_own_bar_lets_go(canon):
    table = """
        bar            | decide     | happens                             | equity
        100            | +1 stop 2% |                                     | 1000
        100 100 97 100 | 0          | entry +10 @ 100; stop_loss -10 @ 98 | 980
        100            | +0.5       |                                     | 980
        100            |            | entry +4.9 @ 100                    | 980
    """
    assert canon(table).differences == []


def test_a_decision_waiting_at_the_open_that_jumped_the_stop_counts(canon):
    # zero had been decided before the open of 95 stopped the position out: nothing is latched,
    # and the next 1.0 buys 950 / 100 = 9.5
    zero = """
        bar            | decide     | happens               | equity
        100            | +1 stop 2% |                       | 1000
        100            | 0          | entry +10 @ 100       | 1000
        95 100 95 100  | +1         | stop_loss -10 @ 95    | 950
        100            |            | entry +9.5 @ 100      | 950
    """
    # so it is with the other sign, which is sold at that open: 0.5 x 1,000 / 100; then 0.5 x 950 / 95 = 5 bought
    other = """
        bar            | decide     | happens                               | equity
        100            | +1 stop 2% |                                       | 1000
        100            | -0.5       | entry +10 @ 100                       | 1000
        95             | +0.5       | stop_loss -10 @ 95; entry -5 @ 95     | 950
        95             |            | close +5 @ 95; entry +5 @ 95          | 950
    """
    assert canon(zero).differences == []
    assert canon(other).differences == []


def test_zero_decided_while_halted_lets_go(canon):
    table = """
        bar            | decide     | happens                             | equity
        100            | +1 stop 2% |                                     | 1000
        100 100 97 100 | +1 stop 2% | entry +10 @ 100; stop_loss -10 @ 98 | 980
        x 100          | 0          |                                     | 980
        x 100          | +0.5       |                                     | 980
        100            |            | entry +4.9 @ 100                    | 980
    """
    assert canon(table).differences == []


def test_a_release_that_could_not_be_traded_is_a_release(canon):
    # the short of 4.9 is dropped on the halted bar; the side that was stopped out may be entered again after it
    table = """
        bar            | decide     | happens                             | equity
        100            | +1 stop 2% |                                     | 1000
        100 100 97 100 | -0.5       | entry +10 @ 100; stop_loss -10 @ 98 | 980
        x 100          | -0.5       | skip not_traded -4.9                | 980
        100            | +0.5       |                                     | 980
        100            |            | entry +4.9 @ 100                    | 980
    """
    assert canon(table).differences == []


def test_a_latched_raise_is_not_kept_for_later(canon):
    # the 0.5 that was refused is not bought when the exposure stays 0.5
    table = """
        bar            | decide     | happens                             | equity
        100            | +1 stop 2% |                                     | 1000
        100 100 97 100 | +0.5       | entry +10 @ 100; stop_loss -10 @ 98 | 980
        100            | +0.5       | skip latched +4.9                   | 980
        100            | +0.5       |                                     | 980
        100            | +0.4       |                                     | 980
        100            |            | skip latched +3.92                  | 980
    """
    assert canon(table).differences == []


def test_one_symbols_stop_latches_no_other(canon):
    # A is stopped out for -20: 980; B is then bought with 0.5 x 980 / 50 = 9.8
    table = """
        bar A          | decide A     | bar B | decide B | happens                                   | equity
        100            | +1 stop 2%   | 50    | 0        |                                           | 1000
        100 100 97 100 | +0.9 stop 2% | 50    | +0.5     | A entry +10 @ 100; A stop_loss -10 @ 98   | 980
        100            |              | 50    |          | A skip latched +8.82; B entry +9.8 @ 50   | 980
    """
    assert canon(table, leverage=2.0).differences == []


def test_wanted_coins_latch_like_exposures(canon):
    table = """
        bar            | decide      | happens                           | equity
        100            | +3 stop 2%  |                                   | 1000
        100 100 97 100 | +2          | entry +3 @ 100; stop_loss -3 @ 98 | 994
        100            | -1          | skip latched +2                   | 994
        100            |             | entry -1 @ 100                    | 994
    """
    assert canon.coins()(table).differences == []
