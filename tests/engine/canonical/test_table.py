"""The tables themselves: a wrong one is told apart from a right one, and how."""

from __future__ import annotations

import pytest

RIGHT = """
    bar             | decide | happens                  | equity | exposure
    90 110 90 100   | +1     |                          | 1000   | 0
    104 105 102 103 |        | entry +10 @ 104 left 10  | 990    | 1030/990
"""


def test_a_right_table_has_no_differences(canon):
    assert canon(RIGHT).differences == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("+10 @", "+9.999 @", "row 1: expected entry"),
        ("@ 104", "@ 104.1", "row 1: expected entry"),
        ("entry", "close", "row 1: expected close"),
        ("left 10", "left 9", "position 9"),
        ("| 990 ", "| 990.00001 ", "row 1: expected equity"),
        ("1030/990", "1030/991", "row 1: expected exposure"),
        ("| 1000   | 0", "| 1001   | 0", "row 0: expected equity"),
        ("entry +10 @ 104 left 10", "                       ", "row 1: expected nothing; found entry"),
        ("left 10", "left 10; funding 1", "row 1: expected entry"),
    ],
)
def test_a_wrong_table_says_where(canon, old, new, says):
    assert RIGHT.count(old) == 1

    found = canon(RIGHT.replace(old, new)).differences

    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(("old", "new"), [("happens", "hapens"), ("entry", "entrance"), ("| 990 ", "")])
def test_a_table_that_cannot_be_read_fails(canon, old, new):
    with pytest.raises(AssertionError):
        canon(RIGHT.replace(old, new))
