"""Stops and take-profits: where they stand, when they are reached, what they sell at."""

from __future__ import annotations

import pytest


def test_a_stop_guards_from_the_entry_bar_on(canon):
    # 2 % under 100 = 98, touched by the entry bar's low: 10 x -2
    table = """
        bar            | decide      | happens                                             | equity
        100            | +1 stop 2%  |                                                     | 1000
        100 101 98 100 |             | entry +10 @ 100; stop_loss -10 @ 98 real -20 left 0 | 980
    """
    assert canon(table).differences == []


def test_a_shorts_stop_stands_above(canon):
    table = """
        bar            | decide      | happens                                              | equity
        100            | -1 stop 2%  |                                                      | 1000
        100 102 99 100 |             | entry -10 @ 100; stop_loss +10 @ 102 real -20 left 0 | 980
    """
    assert canon(table).differences == []


def test_a_tick_out_of_reach_nothing_happens_until_a_later_bar_gets_there(canon):
    table = """
        bar              | decide     | happens              | equity
        100              | +1 stop 2% |                      | 1000
        100 101 98.1 100 |            | entry +10 @ 100      | 1000
        100 101 98.1 99  |            |                      | 990
        99 99 97 97      |            | stop_loss -10 @ 98   | 980
    """
    assert canon(table).differences == []


def test_a_take_profit_is_met_in_the_entry_bar_too(canon):
    long = """
        bar             | decide      | happens                                  | equity
        100             | +1 take 5%  |                                          | 1000
        100 105 99 104  |             | entry +10 @ 100; take_profit -10 @ 105   | 1050
    """
    short = """
        bar             | decide      | happens                                  | equity
        100             | -1 take 5%  |                                          | 1000
        100 101 95 96   |             | entry -10 @ 100; take_profit +10 @ 95    | 1050
    """
    assert canon(long).differences == []
    assert canon(short).differences == []


def test_where_both_could_trigger_the_stop_comes_first(canon):
    long = """
        bar             | decide             | happens                              | equity
        100             | +1 stop 2% take 5% |                                      | 1000
        100 106 97 105  |                    | entry +10 @ 100; stop_loss -10 @ 98  | 980
    """
    short = """
        bar             | decide             | happens                              | equity
        100             | -1 stop 2% take 5% |                                      | 1000
        100 103 94 95   |                    | entry -10 @ 100; stop_loss +10 @ 102 | 980
    """
    assert canon(long).differences == []
    assert canon(short).differences == []


def test_a_trigger_jumped_by_the_open_fills_at_the_open(canon):
    # a stop of 98 at 90, a take-profit of 105 at 112; a short's of 102 at 110 and of 95 at 88
    table = """
        bar           | decide             | happens                       | equity
        100           | {side}1 stop 2% take 5% |                          | 1000
        100           |                    | entry {side}10 @ 100          | 1000
        {open}        |                    | {event}                       | 1000 + {profit}
    """
    for side, gap, event, profit in [
        ("+", "90 99 89 99", "stop_loss -10 @ 90", -100),
        ("+", "112 112 97 99", "take_profit -10 @ 112", 120),
        ("-", "110 111 99 99", "stop_loss +10 @ 110", -100),
        ("-", "88 103 88 99", "take_profit +10 @ 88", 120),
    ]:
        assert canon(table.format(side=side, open=gap, event=event, profit=profit)).differences == []


@pytest.mark.parametrize(
    ("decide", "bar", "event"),
    [
        ("+1 stop 2%", "100.3 100.3 98.3 99", "stop_loss -10 @ 98.3"),  # 98.294
        ("+1 take 3%", "100.3 103.3 100 101", "take_profit -10 @ 103.3"),  # 103.309
        ("-1 stop 2%", "100.3 102.3 100 101", "stop_loss +10 @ 102.3"),  # 102.306
        ("-1 take 3%", "100.3 100.3 97.3 99", "take_profit +10 @ 97.3"),  # 97.291
    ],
)
def test_a_trigger_stands_on_the_tick_nearer_the_entry(canon, decide, bar, event):
    table = f"""
        bar    | decide   | happens
        100    | {decide} |
        {bar}  |          | entry {decide[0]}10 @ 100.3; {event}
    """
    assert canon(table).differences == []


def test_a_distance_below_one_tick_is_one_tick(canon):
    # 0.01 % of 100 is 0.01: the stop stands at 99.9, the take-profit at 100.1, never at the entry
    table = """
        bar                  | decide                   | happens                | equity
        100                  | +1 stop 0.01% take 0.01% |                        | 1000
        100 100.05 99.95 100 |                          | entry +10 @ 100        | 1000
        100 100.05 99.9 100  |                          | stop_loss -10 @ 99.9   | 999
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(
    ("distance", "out_of_reach", "reached"), [("stop 0.2%", "99.95", "99.9"), ("stop 0.01%", "100.02", "100")]
)
def test_an_average_between_two_ticks_has_its_stop_on_a_tick_beyond_it(canon, distance, out_of_reach, reached):
    # 5 at 100 and 5 at 100.1: 100.05. 0.2 % under: 99.8499, on the tick nearer the entry 99.9.
    # 0.01 % under: 100.04, whose nearer tick 100.1 is not beyond the entry: 100.0
    table = f"""
        bar                                  | decide         | happens                    | equity
        100                                  | +5             |                            | 1000
        100 100.1 100 100.1                  | +10 {distance} | entry +5 @ 100             | 1000.5
        100.1 100.1 {out_of_reach} 100.1     |                | entry +5 @ 100.1           | 1000.5
        100.1 100.1 {reached} 100.1          |                | stop_loss -10 @ {reached} | 10*({reached} - 0.05)
    """
    assert canon.coins()(table).differences == []


def test_a_stop_pays_slippage_from_its_trigger(canon):
    # bought 0.1 % above 100: 100.1; 2 % under that 98.098, so 98.1; sold 0.1 % below: 98.0019, so 98.0
    table = """
        bar            | decide     | happens                                                   | equity
        100            | +1 stop 2% |                                                           | 1000
        100 101 97 100 |            | entry +10 @ 100.1 fee 1.001; stop_loss -10 @ 98 fee 0.98 slip 1 | 979 - 1.981
    """
    assert canon(table, fee="0.001", costs=(10, 0, 0)).differences == []


def test_adding_re_arms_both_at_the_new_average_with_the_new_distances(canon):
    # 5 at 100 and 5 at 110: average 105; 2 % under: 102.9, 10 % above: 115.5. The old 90 and 120 are gone
    table = """
        bar              | decide               | happens                        | equity
        100              | +5 stop 10% take 20% |                                | 1000
        100 110 100 110  | +10 stop 2% take 10% | entry +5 @ 100                 | 1050
        110 115.4 103 110|                      | entry +5 @ 110                 | 1050
        {bar}            |                      | {event}                        | 1000 + {profit}
    """
    low = table.format(bar="110 110 102.9 105", event="stop_loss -10 @ 102.9", profit="10*-2.1")
    high = table.format(bar="110 115.5 110 110", event="take_profit -10 @ 115.5", profit="10*10.5")

    assert canon.coins()(low).differences == []
    assert canon.coins()(high).differences == []


def test_adding_without_a_distance_disarms(canon):
    table = """
        bar            | decide      | happens          | equity
        100            | +5 stop 10% |                  | 1000
        100            | +6          | entry +5 @ 100   | 1000
        100            |             | entry +1 @ 100   | 1000
        100 100 60 100 |             |                  | 1000
    """
    assert canon.coins()(table).differences == []


def test_reducing_leaves_the_triggers_whatever_it_names(canon):
    # 98 stands, not the 90 that came with the reduction
    table = """
        bar            | decide      | happens                               | equity
        100            | +10 stop 2% |                                       | 1000
        100            | +5 stop 10% | entry +10 @ 100                       | 1000
        100 100 99 100 |             | reduce -5 @ 100 left 5                | 1000
        100 100 98 100 |             | stop_loss -5 @ 98 left 0              | 990
    """
    assert canon.coins()(table).differences == []


def test_a_new_distance_without_a_new_exposure_is_ignored(canon):
    table = """
        bar              | decide       | happens             | equity
        100              | +1 stop 2%   |                     | 1000
        100              | +1 stop 10%  | entry +10 @ 100     | 1000
        100              | +1           |                     | 1000
        100 100 97.9 100 |              | stop_loss -10 @ 98  | 980
    """
    assert canon(table).differences == []


def test_a_flip_arms_the_new_side_and_forgets_the_old(canon):
    # long with 90, then short with 105: a low of 85 is no longer a stop, a high of 105 is
    table = """
        bar            | decide       | happens                           | equity
        100            | +10 stop 10% |                                   | 1000
        100            | -10 stop 5%  | entry +10 @ 100                   | 1000
        100 100 85 100 |              | close -10 @ 100; entry -10 @ 100  | 1000
        100 105 99 100 |              | stop_loss +10 @ 105               | 950
    """
    assert canon.coins()(table).differences == []


def test_a_trigger_armed_where_the_open_already_is_fills_at_the_open(canon):
    # 5 at 120 and 5 at 100: average 110, 5 % under 104.5, but the bar opens at 100: 10 x -10
    under = """
        bar             | decide      | happens                                         | equity
        120             | +5          |                                                 | 1000
        120 120 100 100 | +10 stop 5% | entry +5 @ 120                                  | 900
        100 104 100 104 |             | entry +5 @ 100; stop_loss -10 @ 100 real -100   | 900
    """
    # 5 at 100 and 5 at 120: 5 % above 110 is 115.5 and the bar opens at 120: 10 x 10
    above = """
        bar             | decide      | happens                                         | equity
        100             | +5          |                                                 | 1000
        100 120 100 120 | +10 take 5% | entry +5 @ 100                                  | 1100
        120 120 118 118 |             | entry +5 @ 120; take_profit -10 @ 120 real 100  | 1100
    """
    assert canon.coins()(under).differences == []
    assert canon.coins()(above).differences == []


def test_a_jumped_stop_leaves_a_reduction_nothing_to_do(canon):
    # stopped at 95 first; the 5 that the decision still wants are the side stopped out: not bought
    table = """
        bar | decide      | happens                               | equity
        100 | +10 stop 2% |                                       | 1000
        100 | +5          | entry +10 @ 100                       | 1000
        95  |             | stop_loss -10 @ 95; skip latched +5   | 950
        95  |             |                                       | 950
    """
    assert canon.coins()(table).differences == []


def test_a_jumped_stop_leaves_of_a_flip_its_entry(canon):
    table = """
        bar | decide      | happens                             | equity
        100 | +10 stop 2% |                                     | 1000
        100 | -10 stop 2% | entry +10 @ 100                     | 1000
        95  |             | stop_loss -10 @ 95; entry -10 @ 95  | 950
        90  |             |                                     | 1000
    """
    assert canon.coins()(table).differences == []


def test_the_entry_bar_looks_at_its_whole_range(canon):
    # nothing is known of the path within a bar: a low that may have come before the entry's fill still counts,
    # and a reduction at the open leaves the rest to the stop inside the same bar
    table = """
        bar             | decide      | happens                             | equity
        100             | +10 stop 5% |                                     | 1000
        104 110 99 108  | +4          | entry +10 @ 104                     | 1040
        106 107 98.8 100|             | reduce -6 @ 106; stop_loss -4 @ 98.8 | 1000 + 6*2 - 4*5.2
    """
    assert canon.coins()(table).differences == []


def test_no_trigger_is_looked_at_while_nothing_trades(canon):
    # the recorded range of a halted bar is not a market; the first open after it jumps the stop
    table = """
        bar            | decide     | happens              | equity
        100            | +1 stop 5% |                      | 1000
        100            |            | entry +10 @ 100      | 1000
        x 94 100 80 94 |            |                      | 940
        92             |            | stop_loss -10 @ 92   | 920
    """
    assert canon(table).differences == []
