from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import DataError
from autarch.market.schedule import derive_schedule, minutes_to_settlement
from autarch.market.types import FundingSchedule

DAY0 = 1_704_067_200_000  # 2024-01-01T00:00Z
HOUR = 3_600_000


def at(*hours: float) -> np.ndarray:
    return np.array([DAY0 + int(h * HOUR) for h in hours], dtype=np.int64)


def test_eight_hourly_stamps_are_one_entry_from_one_interval_before_the_first():
    found = derive_schedule(at(8, 16, 24, 32), label="x")

    assert found == (FundingSchedule(from_ms=DAY0, interval_min=480),)


def test_a_change_to_four_hours_begins_at_the_settlement_after_which_it_applies():
    found = derive_schedule(at(8, 16, 20, 24, 28), label="x")

    assert found == (
        FundingSchedule(from_ms=DAY0, interval_min=480),
        FundingSchedule(from_ms=DAY0 + 16 * HOUR, interval_min=240),
    )


def test_hours_of_hourly_funding_are_a_spell_and_not_a_fault():
    found = derive_schedule(at(8, 16, 17, 18, 19, 20, 21, 22, 23, 24, 32, 40, 48), label="x")

    assert [e.interval_min for e in found] == [480, 60, 480]


def test_a_short_step_on_the_way_to_a_longer_interval_is_no_fault():
    found = derive_schedule(at(6, 7, 8, 12, 16, 24, 32), label="x")

    assert [e.interval_min for e in found] == [60, 240, 480]


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (at(8), "at least two"),
        (at(8, 24, 32), "row 1, ts .* 960 minutes"),  # 16:00 is missing
        (at(4, 8, 16, 20, 24), "row 2, ts .* 480 minutes between settlements every 240"),  # 12:00 is missing
        (at(8, 16, 24.01), "row 2"),
        (at(9, 17, 25), "not a multiple of 480"),
    ],
)
def test_a_missing_or_misplaced_row_is_refused_by_number(stamps, expected):
    with pytest.raises(DataError, match=expected):
        derive_schedule(stamps, label="funding.parquet")


def test_settlements_missing_inside_a_declared_gap_change_nothing():
    halt = (DAY0 + 15 * HOUR, DAY0 + 25 * HOUR)

    found = derive_schedule(at(8, 32, 40), label="x", halts=[halt])

    assert found == (FundingSchedule(from_ms=DAY0, interval_min=480),)
    for short in ((DAY0 + 17 * HOUR, DAY0 + 25 * HOUR), (DAY0 + 15 * HOUR, DAY0 + 24 * HOUR)):
        with pytest.raises(DataError, match="row is missing"):
            derive_schedule(at(8, 32, 40), label="x", halts=[short])


def test_minutes_run_down_to_the_next_settlement_and_start_again_at_it():
    schedule = (FundingSchedule(from_ms=DAY0, interval_min=480),)

    found = minutes_to_settlement(schedule, at(0, 0.25, 7.75, 8, 15))

    assert found.tolist() == [480, 465, 15, 480, 60]


def test_minutes_follow_the_schedule_in_force_at_the_instant():
    schedule = derive_schedule(at(8, 16, 20, 24, 28), label="x")

    found = minutes_to_settlement(schedule, at(-1, 15, 16, 17, 23))

    # before the first entry the first speaks; 16:00 is where the four-hourly entry starts
    assert found.tolist() == [60, 60, 240, 180, 60]


def test_without_a_schedule_nothing_is_known():
    assert np.isnan(minutes_to_settlement((), at(1, 2))).all()
