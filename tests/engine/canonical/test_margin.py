"""Funding drains the margin of an isolated position; a delisted symbol is settled."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("low", "event"), [("52.1", ""), ("52", "liquidation -10 @ 51 real -490")])
def test_funding_that_was_paid_is_missing_from_the_margin(canon, low, event):
    # 500 less the 10 paid: 490 + 10 x (P - 100) = 10: P = 52, bankrupt at 51. With the payment 500 are lost in all
    table = f"""
        bar            | stamps | decide | happens         | equity
        100            |        | +1     |                 | 1000
        100            |        |        | entry +10 @ 100 | 1000
        100            | 7m 1%  |        | funding 10      | 990
        90 90 {low} 90 |        |        | {event}         | {"500" if event else "890"}
    """
    assert canon(table).differences == []


@pytest.mark.parametrize(("high", "event"), [("147.5", ""), ("147.6", "liquidation +10 @ 149 real -490")])
def test_so_it_is_for_a_short_that_pays_a_negative_rate(canon, high, event):
    # 490 + 10 x (100 - P) = 10 P x 1 %: P = 1,490 / 10.1 = 147.52; bankrupt at 149
    table = f"""
        bar                | stamps | decide | happens         | equity
        100                |        | -1     |                 | 1000
        100                |        |        | entry -10 @ 100 | 1000
        100                | 7m -1% |        | funding 10      | 990
        100 {high} 100 100 |        |        | {event}         | {"500" if event else "990"}
    """
    assert canon(table).differences == []


def test_funding_received_is_never_credited_to_the_margin(canon):
    # 10 received move nothing, 10 paid after it move 51 to 52 all the same
    table = """
        bar            | stamps | decide | happens              | equity
        100            |        | +1     |                      | 1000
        100            |        |        | entry +10 @ 100      | 1000
        100 100 51.1 100 | 0m -1% |      | funding -10          | 1010
        100            | 0m 1%  |        | funding 10           | 1000
        90 90 52 90    |        |        | liquidation -10 @ 51 | 510
    """
    assert canon(table).differences == []


def test_a_reduction_keeps_its_share_of_what_was_paid_and_adding_pays_nothing_in(canon):
    # 10 paid on 10 coins: 4 on the 4 that stay: 200 - 4 + 4 x (P - 100) = 4: P = 52.
    # 6 more at 100: 500 - 4 + 10 x (P - 100) = 10: P = 51.4, bankrupt at 50.4
    reduced = """
        bar             | stamps | decide | happens              | equity
        100             |        | +10    |                      | 1000
        100             | 1m 1%  | +4     | entry +10 @ 100; funding 10 | 990
        100 100 52.1 100|        |        | reduce -6 @ 100      | 990
        90 90 52 90     |        |        | liquidation -4 @ 51  | 990 - 4*49
    """
    added = """
        bar              | stamps | decide | happens                | equity
        100              |        | +10    |                        | 1000
        100              | 1m 1%  | +4     | entry +10 @ 100; funding 10 | 990
        100              |        | +10    | reduce -6 @ 100        | 990
        100 100 51.5 100 |        |        | entry +6 @ 100         | 990
        90 90 51.4 90    |        |        | liquidation -10 @ 50.4 | 990 - 10*49.6
    """
    assert canon.coins()(reduced).differences == []
    assert canon.coins()(added).differences == []


def test_a_new_position_begins_with_its_whole_margin(canon):
    # after the close nothing of the 10 is remembered: 51 again
    table = """
        bar              | stamps | decide | happens                     | equity
        100              |        | +10    |                             | 1000
        100              | 1m 1%  | -10    | entry +10 @ 100; funding 10 | 990
        100              |        | +10    | close -10 @ 100; entry -10 @ 100 | 990
        100 100 51.1 100 |        |        | close +10 @ 100; entry +10 @ 100 | 990
        90 90 51 90      |        |        | liquidation -10 @ 50        | 490
    """
    assert canon.coins()(table).differences == []


def test_a_delisted_symbol_is_settled_at_its_last_close(canon):
    # delisted when row 3 opens: the 10 coins bought at 100.1 go at the close of 90 before it: -101, and 0.1 % of 900,
    # no spread; a stamp at the delisting is nobody's
    table = """
        bar         | stamps | decide | happens                                      | equity
        100         |        | +1     |                                              | 1000
        100         |        |        | entry +10 @ 100.1 fee 1.001                  | 997.999
        95 96 90 90 | 1m 1%  |        | funding 10; settlement -10 @ 90 fee 0.9      | 997.999 + 1 - 10 - 101 - 0.9
        x 90        | 0m 1%  | -0.5   |                                              | 887.099
        x 90        |        |        | skip not_traded -4.928                          | 887.099
    """
    assert canon(table, delisted=3, fee="0.001", costs=(10, 0, 0)).differences == []


def test_a_stop_in_its_last_bar_leaves_a_delisting_nothing_to_settle(canon):
    table = """
        bar            | decide      | happens                           | equity
        100            | +1 stop 2%  |                                   | 1000
        100            |             | entry +10 @ 100                   | 1000
        100 100 97 99  |             | stop_loss -10 @ 98                | 980
        x 99           |             |                                   | 980
    """
    assert canon(table, delisted=3).differences == []
