"""Narration: what counts says how long it will take."""

from __future__ import annotations

import pytest

from autarch.cli.telling import Narration, span


@pytest.fixture
def said():
    """Return what is said of each line, `(seconds since the beginning, line)`."""

    def said(*lines):
        now = [0.0]
        narration, found = Narration(lambda: now[0]), []
        for at, line in lines:
            now[0] = at
            found.append(narration.line(line))
        return found

    return said


def test_the_rest_goes_at_the_pace_so_far(said) -> None:
    lines = said((0.0, "1/10 parameter sets"), (6.0, "4/10 parameter sets"), (18.0, "10/10 parameter sets"))

    # 3 sets in 6 s: 6 more take 12 s; the last needs no more
    assert lines == ["1/10 parameter sets", "4/10 parameter sets, about 12 s left", "10/10 parameter sets"]


def test_what_was_there_before_does_not_count_as_pace(said) -> None:
    assert said((0.0, "BTC: 8 of 12 pages kept from before"), (10.0, "BTC: 9 of 12 pages, to 2024"))[1] == (
        "BTC: 9 of 12 pages, to 2024, about 30 s left"  # one page in 10 s, three are left
    )


def test_each_thing_that_is_counted_has_its_own_pace(said) -> None:
    lines = said(
        (0.0, "BTC 15m: 1 of 4 pages"), (1.0, "ETH 15m: 1 of 4 pages"), (3.0, "BTC 15m: 2 of 4 pages"),
        (5.0, "ETH 15m: 3 of 4 pages"), (6.0, "ETH 15m: 1 of 4 pages"), (7.0, "ETH 15m: 2 of 4 pages"),
    )  # fmt: skip

    assert [line.partition("pages")[2] for line in lines] == [
        "", "", ", about 6 s left", ", about 2 s left", "", ", about 2 s left",
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["v0.2.0 verified", "evidence 12/ab of 34", "2024/12/01 of bars", "nothing"])
def test_a_line_that_does_not_count_is_left_alone(said, line) -> None:
    assert said((0.0, line), (50.0, line)) == [line, line]


def test_what_a_child_process_has_said_is_not_said_twice(said) -> None:
    lines = said((0.0, "1 of 9 bars"), (8.0, "5 of 9 bars, about 8 s left"))

    assert lines[1] == "5 of 9 bars, about 8 s left"


def test_nothing_is_promised_within_the_first_second(said) -> None:
    assert said((0.0, "1 of 9 bars"), (0.9, "8 of 9 bars"))[1] == "8 of 9 bars"


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.2, "about 1 s"), (59.4, "about 59 s"), (150, "about 2 min"), (5400, "about 1.5 h")]
)
def test_a_span_is_said_in_its_own_unit(seconds, told) -> None:
    assert span(seconds) == told
