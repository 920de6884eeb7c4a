"""One margin for all positions of an account: what holds them, and where it ends."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("low", "event"), [("50.6", ""), ("50.5", "A liquidation -20 @ 50"), ("40", "A liquidation -20 @ 50")]
)
def test_the_whole_account_stands_behind_a_position(canon, low, event):
    # 1,000 + 20 x (P - 100) = 20 P x 1 %: P = 1,000 / 19.8 = 50.505, where isolated it is near 67. It ends where
    # nothing is left: at 50, whatever the low
    table = f"""
        bar A          | decide A | bar B | decide B | happens           | equity
        100            | +2       | 50    | 0        |                   | 1000
        100            |          | 50    |          | A entry +20 @ 100 | 1000
        90 90 {low} 90 |          | 50    |          | {event}           | {"0" if event else "800"}
    """
    played = canon.account(table, {"AB": 1.0}, leverage=2.0, margin_mode="cross")

    assert played.differences == []
    assert played.result.ruined_row == (2 if event else None)


def test_one_position_s_profit_holds_another_s_loss(canon):
    # A's 10 coins lose 400 at 60, where isolated they end near 67.7; B's 20 have earned 400
    table = """
        bar A       | decide A | bar B | decide B | happens                                | equity
        100         | +2       | 50    | -2       |                                        | 1000
        100         |          | 50    |          | A entry +10 @ 100; B entry -20 @ 50    | 1000
        60          |          | 30    |          |                                        | 1000
    """
    assert canon.account(table, {"A": 0.5, "B": 0.5}, leverage=2.0, margin_mode="cross").differences == []


def test_the_extremes_of_one_bar_count_as_one_instant(canon):
    # at 60 and 70 together 200 are left and 6 + 14 to keep; at 60 and 90 they are -200: nothing is left 1,000 / 1,200
    # of the way there: 66.67 and 83.33, on ticks 66.6 and 83.4: 1,000 - 10 x 33.4 - 20 x 33.4
    kept = """
        bar A         | decide A | bar B       | decide B | happens                               | equity
        100           | +2       | 50          | -2       |                                       | 1000
        100           |          | 50          |          | A entry +10 @ 100; B entry -20 @ 50   | 1000
        100 100 60 90 |          | 50 70 50 50 |          |                                       | 900
    """
    taken = """
        bar A         | decide A | bar B       | decide B | happens                                       | equity
        100           | +2       | 50          | -2       |                                               | 1000
        100           |          | 50          |          | A entry +10 @ 100; B entry -20 @ 50           | 1000
        100 100 60 90 |          | 50 90 50 50 |          | A liquidation -10 @ 66.6; B liquidation +20 @ 83.4 | -2
    """
    weights = {"A": 0.5, "B": 0.5}

    assert canon.account(kept, weights, leverage=2.0, margin_mode="cross").differences == []
    assert canon.account(taken, weights, leverage=2.0, margin_mode="cross").differences == []


def test_what_was_to_be_raised_at_the_open_that_takes_the_account_is_dropped_and_said(canon):
    # 1,000 + 30 x (P - 100) = 30 P x 1 %: P = 67.3, jumped by an open of 60, where -200 would be left: nothing is left
    # 1,000 / 1,200 of the way from 100: 66.67, on a tick 66.6: 1,000 - 30 x 33.4
    table = """
        bar A | decide A | bar B | decide B | happens                                              | equity
        100   | +3       | 50    | 0        |                                                      | 1000
        100   | +4       | 50    |          | A entry +30 @ 100                                    | 1000
        60    |          | 50    |          | A skip no_margin +10; A liquidation -30 @ 66.6       | -2
    """
    assert canon.account(table, {"AB": 1.0}, leverage=4.0, margin_mode="cross").differences == []
