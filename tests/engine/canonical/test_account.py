"""The sleeves of one account: each sized from its own equity, all of them one account's."""

from __future__ import annotations

import pytest

from autarch.errors import ConfigError


def test_a_sleeve_has_its_weight_of_the_capital_and_the_rest_lies_idle(canon):
    # A: half of 1,000 at 100: 5 coins; B: a quarter at 50: 5 short; 250 stay. 5 x 10 + 5 x 5 earned
    table = """
        bar A | decide A | bar B | decide B | happens                             | equity | exposure A | exposure B
        100   | +1       | 50    | -1       |                                     | 1000   | 0          | 0
        100   |          | 50    |          | A entry +5 @ 100; B entry -5 @ 50   | 1000   | 0.5        | -0.25
        110   |          | 45    |          |                                     | 1075   | 550/1075   | -225/1075
    """
    played = canon.account(table, {"A": 0.5, "B": 0.25})

    assert played.differences == []
    assert [sleeve.capital for sleeve in played.result.sleeves] == [500.0, 250.0]
    assert [sleeve.equity[-1] for sleeve in played.result.sleeves] == [550.0, 275.0]


def test_each_sleeve_compounds_by_itself(canon):
    # A has made 100; B's 1.0 is still of its own 500: 10 at 50. Then A's 0.5 is of its 600: 2.5 of 120
    table = """
        bar A | decide A | bar B | decide B | happens                              | equity | drawdown
        100   | +1       | 50    | 0        |                                      | 1000   | 0
        100   |          | 50    |          | A entry +5 @ 100                     | 1000   | 0
        120   | +0.5     | 50    | +1       |                                      | 1100   | 0
        120   |          | 50    |          | A reduce -2.5 @ 120; B entry +10 @ 50 | 1100  | 0
        120   |          | 39    |          |                                      | 990    | 0.1
    """
    assert canon.account(table, {"A": 0.5, "B": 0.5}).differences == []


def test_a_sleeve_of_two_symbols_is_one_equity_within_the_account(canon):
    # the first sleeve is 600, half of it in each of A and C; the second 400
    table = """
        bar A | decide A | bar B | decide B | bar C | decide C | happens                             | equity
        100   | +0.5     | 50    | +1       | 20    | -0.5     |                                     | 1000
        100   | 0        | 50    |        | 20    |      | A entry +3 @ 100; C entry -15 @ 20; B entry +8 @ 50 | 1000
        110   |          | 50    |          | 18    |          | A close -3 @ 110                    | 1060
    """
    assert canon.account(table, {"AC": 0.6, "B": 0.4}).differences == []


def test_isolated_a_liquidation_takes_its_positions_margin_alone(canon):
    # A's 5 coins stand behind 250: bankrupt at 50; the account's other 750 are not asked
    table = """
        bar A       | decide A | bar B | decide B | happens                             | equity
        100         | +1       | 50    | -1       |                                     | 1000
        100         |          | 50    |          | A entry +5 @ 100; B entry -5 @ 50   | 1000
        90 90 20 20 |          | 50    |          | A liquidation -5 @ 50               | 750
    """
    assert canon.account(table, {"A": 0.5, "B": 0.25}).differences == []


def test_a_ruined_sleeve_stops_and_the_others_go_on(canon):
    # A: 10 coins on 500 (2 x), stopped at 45 where 90 was asked: -550, so -50 are left of its 500. It trades no more;
    # B trades on its own 250
    table = """
        bar A | decide A    | bar B | decide B | happens              | equity | drawdown
        100   | +2 stop 10% | 50    | 0        |                      | 1000   | 0
        100   |             | 50    | 0        | A entry +10 @ 100    | 1000   | 0
        45    | -1          | 50    | +1       | A stop_loss -10 @ 45 | 450    | 0.55
        45    |             | 50    |          | B entry +5 @ 50      | 450    | 0.55
        45    |             | 60    |          |                      | 500    | 0.5
    """
    played = canon.account(table, {"A": 0.5, "B": 0.25}, leverage=2.0)

    assert played.differences == []
    assert played.result.sleeve("A").ruined_row == 2
    assert (played.result.sleeve("B").ruined_row, played.result.ruined_row) == (None, None)


def test_an_account_that_cannot_be_is_refused(canon):
    table = """
        bar A | decide A | bar B | decide B | happens
        100   | 0        | 50    | 0        |
    """
    for weights, says in [({}, "no sleeve"), ({"A": 0.6, "B": 0.5}, "at most 1"), ({"A": 0.0}, "positive")]:
        with pytest.raises(ConfigError, match=says):
            canon.account(table, weights)
    with pytest.raises(ConfigError, match="AAAUSDT is in the account twice"):
        canon.account(table, {"A": 0.5, "AB": 0.5})
