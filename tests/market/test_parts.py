"""The holdout's first days answer looks; no word is ever told of the others."""

from __future__ import annotations

import pytest

from autarch.market.parts import DAY_MS, looked_until_ms


def test_looks_have_the_first_quarter_in_whole_days():
    # 91 days / 4 = 22.75, so 22 days from midnight
    assert looked_until_ms(100 * DAY_MS, 191 * DAY_MS) == 122 * DAY_MS


def test_a_holdout_that_begins_within_a_day_is_parted_at_a_midnight():
    # 40 days from noon: noon + 10 days, down to the midnight before
    assert looked_until_ms(5 * DAY_MS + DAY_MS // 2, 45 * DAY_MS + DAY_MS // 2) == 15 * DAY_MS


@pytest.mark.parametrize("days", [0, 1, 3])
def test_a_holdout_of_less_than_four_days_has_nothing_to_look_at(days):
    start = 7 * DAY_MS + 1

    assert looked_until_ms(start, start + days * DAY_MS) == start


def test_a_span_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="ends before it starts"):
        looked_until_ms(DAY_MS, 0)
