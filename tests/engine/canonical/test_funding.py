"""Funding: who holds what at which instant, at which mark, and who pays whom. Ten coins at 100, 1 %: ten quote."""

from __future__ import annotations

import pytest


def test_a_stamp_at_the_open_hits_what_was_carried_in(canon):
    # the entry at that instant pays nothing yet, the close at that instant pays still
    table = """
        bar | stamps | decide | happens                        | equity
        100 | 0m 1%  | +1     |                                | 1000
        100 | 0m 1%  | +1     | entry +10 @ 100                | 1000
        100 | 0m 1%  | 0      | funding 10                     | 990
        100 | 0m 1%  | 0      | funding 10; close -10 @ 100    | 980
        100 | 0m 1%  | 0      |                                | 980
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(
    ("side", "rate", "payment"), [("+", "1%", 10), ("+", "-1%", -10), ("-", "1%", -10), ("-", "-1%", 10)]
)
def test_a_long_pays_a_positive_rate_and_a_short_a_negative_one(canon, side, rate, payment):
    table = f"""
        bar | stamps    | decide  | happens                                | equity
        100 |           | {side}1 |                                        | 1000
        100 |           |         | entry {side}10 @ 100                   | 1000
        100 | 0m {rate} |         | funding {payment} mark 100 rate {rate} | 1000 - {payment}
    """
    played = canon(table)

    assert played.differences == []
    assert played.result.totals.funding == payment


def test_a_stamp_inside_the_bar_hits_what_its_open_and_its_triggers_left(canon):
    # entered at the open: held at the stamp. Stopped out in the bar: not held
    held = """
        bar            | stamps | decide     | happens                     | equity
        100            |        | +1 stop 5% |                             | 1000
        100 100 97 100 | 7m 1%  |            | entry +10 @ 100; funding 10 | 990
    """
    stopped = """
        bar            | stamps | decide     | happens                             | equity
        100            |        | +1 stop 2% |                                     | 1000
        100 100 97 100 | 7m 1%  |            | entry +10 @ 100; stop_loss -10 @ 98 | 980
    """
    assert canon(held).differences == []
    assert canon(stopped).differences == []


def test_a_reduction_pays_for_the_whole_at_its_open_and_for_the_rest_after_it(canon):
    table = """
        bar | stamps       | decide | happens                                  | equity
        100 |              | +1     |                                          | 1000
        100 |              | +0.4   | entry +10 @ 100                          | 1000
        100 | 0m 1%; 1m 1% |        | funding 10; reduce -6 @ 100; funding 4   | 986
    """
    assert canon(table).differences == []


def test_a_flip_pays_as_the_old_side_at_its_open_and_as_the_new_one_after(canon):
    table = """
        bar | stamps       | decide | happens                                                           | equity
        100 |              | +10    |                                                                   | 1000
        100 |              | -5     | entry +10 @ 100                                                   | 1000
        100 | 0m 1%; 1m 1% |        | funding 10; close -10 @ 100; entry -5 @ 100; funding -5           | 995
    """
    assert canon.coins()(table).differences == []


def test_the_mark_is_the_newest_at_or_before_the_stamp(canon):
    # 14 minutes into the entry bar a mark of 120 is known; one stamped with the funding counts; a later one does not
    table = """
        bar | stamps                               | decide | happens                                     | equity
        100 |                                      | +1     |                                             | 1000
        100 | mark 14m 120; 14.5m 1%               |        | entry +10 @ 100; funding 12 mark 120        | 988
        100 | mark 0m 130; 0m 1%; mark 0.001m 999  |        | funding 13 mark 130                         | 975
        100 | 10m 1%                               |        | funding 99.9 mark 999                       | 975 - 99.9
    """
    assert canon(table).differences == []


def test_without_a_mark_it_is_the_last_close_before_the_stamp(canon):
    # at the open and inside the bar alike: the bar's own close is not known yet
    table = """
        bar             | stamps       | decide | happens                                              | equity
        100             |              | +1     |                                                      | 1000
        100 110 100 110 |              |        | entry +10 @ 100                                      | 1100
        110 120 110 120 | 0m 1%; 14m 1%|        | funding 11 mark 110; funding 11 mark 110             | 1200 - 22
        120             | 0m 1%        |        | funding 12 mark 120                                  | 1200 - 34
    """
    assert canon(table).differences == []


def test_every_stamp_of_an_hourly_schedule_hits_a_four_hour_bar(canon):
    # the first stamp of the entry bar comes before the entry: three of four; then all four
    table = """
        bar | stamps                               | decide | happens                                           | equity
        100 | 0m 1%; 60m 1%; 120m 1%; 180m 1%      | +1     |                                                   | 1000
        100 | 0m 0.1%; 60m 0.2%; 120m 0.3%; 180m 0.4% |     | entry +10 @ 100; funding 2; funding 3; funding 4  | 991
        100 | 0m 0.1%; 60m 0.2%; 120m 0.3%; 180m 0.4% | 0   | funding 1; funding 2; funding 3; funding 4        | 981
        100 | 0m 0.5%; 60m 1%                      |        | funding 5; close -10 @ 100                        | 976
    """
    assert canon(table, interval="4h").differences == []


def test_a_four_hour_schedule_hits_every_fourth_hourly_bar(canon):
    # the grid begins at midnight: stamps open the bars of 00:00, 04:00 and 08:00
    table = """
        n | bar | stamps | decide | happens         | equity
        1 | 100 | 0m 1%  | +1     |                 | 1000
        1 | 100 |        |        | entry +10 @ 100 | 1000
        2 | 100 |        |        |                 | 1000
        1 | 100 | 0m 1%  |        | funding 10      | 990
        3 | 100 |        |        |                 | 990
        1 | 100 | 0m 1%  |        | funding 10      | 980
    """
    assert canon(table, interval="1h").differences == []


def test_funding_is_due_while_nothing_trades(canon):
    table = """
        bar   | stamps       | decide | happens                                 | equity
        100   |              | +1     |                                         | 1000
        100   |              | +0.5   | entry +10 @ 100                         | 1000
        x 100 | 0m 1%; 7m 1% |        | funding 10; funding 10                  | 980
        100   | 0m 1%        |        | funding 10; reduce -5 @ 100             | 970
    """
    assert canon(table).differences == []


def test_what_an_open_stops_out_has_paid_at_that_open(canon):
    # (a) funding at the mark of 100, (b) the jumped stop at 90; a liquidation likewise, at the bankruptcy price,
    # which what was received does not move
    stop = """
        bar | stamps | decide     | happens                         | equity
        100 |        | +1 stop 2% |                                 | 1000
        100 |        |            | entry +10 @ 100                 | 1000
        90  | 0m 1%  |            | funding 10; stop_loss -10 @ 90  | 890
    """
    liquidation = """
        bar | stamps | decide | happens                          | equity
        100 |        | +1     |                                  | 1000
        100 |        |        | entry +10 @ 100                  | 1000
        40  | 0m -1% |        | funding -10; liquidation -10 @ 50 | 510
    """
    assert canon(stop).differences == []
    assert canon(liquidation).differences == []


def test_what_is_liquidated_or_took_its_profit_in_the_bar_pays_nothing_later_in_it(canon):
    table = """
        bar            | stamps | decide      | happens                                 | equity
        100            |        | +1 take 5%  |                                         | 1000
        100 105 99 100 | 1m 1%  |             | entry +10 @ 100; take_profit -10 @ 105  | 1050
        100            | 1m 1%  |             |                                         | 1050
    """
    forced = """
        bar            | stamps | decide | happens                                | equity
        100            |        | -1     |                                        | 1000
        100 160 99 100 | 1m -1% |        | entry -10 @ 100; liquidation +10 @ 150 | 500
    """
    assert canon(table).differences == []
    assert canon(forced).differences == []


def test_what_was_paid_is_missing_from_the_next_size(canon):
    # 990 are left: 0.5 x 990 / 100 = 4.95, so 5.05 are sold; then 4.95 pay 4.95
    table = """
        bar | stamps | decide | happens                | equity
        100 |        | +1     |                        | 1000
        100 | 9m 1%  | +0.5   | entry +10 @ 100; funding 10 | 990
        100 | 9m 1%  |        | reduce -5.05 @ 100; funding 4.95 | 985.05
    """
    assert canon(table).differences == []


def test_a_stamp_at_the_end_of_the_last_bar_belongs_to_the_next(canon):
    table = """
        bar | stamps         | decide | happens         | equity
        100 | -1m 1%; 0m 1%  | +1     |                 | 1000
        100 |                |        | entry +10 @ 100 | 1000
        100 | 15m 1%; 20m 1% |        |                 | 1000
    """
    assert canon(table).differences == []


def test_each_symbol_pays_its_own_rate_on_its_own_stamps(canon):
    # A: 5 x 100 x 1 %; B: -10 x 50 x 2 % = -10 at another instant
    table = """
        bar A | stamps A | decide A | bar B | stamps B | decide B | happens                              | equity
        100   |          | +0.5     | 50    |          | -0.5     |                                      | 1000
        100   |          |          | 50    |          |          | A entry +5 @ 100; B entry -10 @ 50   | 1000
        100   | 0m 1%    |          | 50    | 3m 2%    |          | A funding 5; B funding -10           | 1005
    """
    assert canon(table).differences == []
