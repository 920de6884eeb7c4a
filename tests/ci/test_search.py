"""The search around a candidate: drawn from its [search] alone, the same for the same decisions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.manifest import SearchRange
from ci.checks.ground import Curve
from ci.checks.search import drawn_sets, kept

from .conftest import a_candidate


@dataclasses.dataclass
class Declared:
    params: dict[str, object]
    search: dict[str, SearchRange]


def drawn(params, search, *, count=200, seed=1):
    return drawn_sets(Declared(params, search), count=count, rng=np.random.default_rng(seed))


def test_without_a_search_there_are_no_sets():
    assert drawn({"n": 5}, {}) == []


def test_sets_stay_on_their_grid_within_their_range_and_differ():
    found = drawn({"n": 20, "x": 0.5}, {"n": SearchRange(10, 30, 5), "x": SearchRange(0.1, 0.9, 0.2)})

    assert {one["n"] for one in found} == {10, 15, 20, 25, 30}
    assert {round(one["x"], 6) for one in found} == {0.1, 0.3, 0.5, 0.7, 0.9}
    assert len(found) == len({tuple(sorted(one.items())) for one in found}) == 24  # 5 x 5 but the declared


def test_a_range_in_logarithms_is_drawn_evenly_in_them():
    found = [one["x"] for one in drawn({"x": 1.0}, {"x": SearchRange(0.01, 100.0, None, True)}, count=400)]

    assert 0.4 < np.mean(np.array(found) < 1.0) < 0.6
    assert min(found) < 0.05
    assert max(found) > 20


def test_whole_numbers_stay_whole_and_what_is_not_searched_stays():
    found = drawn({"n": 7, "fixed": 3}, {"n": SearchRange(2, 40)})

    assert all(isinstance(one["n"], int) and 2 <= one["n"] <= 40 and set(one) == {"n"} for one in found)


def test_the_same_seed_draws_the_same_sets():
    search = {"n": SearchRange(2, 400)}

    assert drawn({"n": 7}, search, seed=3) == drawn({"n": 7}, search, seed=3)
    assert drawn({"n": 7}, search, seed=3) != drawn({"n": 7}, search, seed=4)


@pytest.mark.parametrize("count", [0, 1])
def test_no_more_are_drawn_than_asked_for(count):
    assert len(drawn({"n": 7}, {"n": SearchRange(2, 400)}, count=count)) <= count


def test_what_is_kept_of_a_curve_begins_on_the_day_its_first_bar_ends():
    # The bar that opens at 23:45 of day 20,000 ends with that day; the next one ends a quarter into day 20,001.
    opens = 20_000 * 86_400_000 + np.array([85_500_000, 86_400_000])
    curve = Curve(
        capital=1000.0,
        equity=np.array([1010.0, 1020.1]),
        ts=opens,
        interval_ms=900_000,
        first_row=0,
        is_ruined=False,
    )

    found = kept(curve)

    assert (found.first_day, found.units.size) == (20_000, 2)
    assert found.units[1] == 1000  # 1,020.1 / 1,010 - 1 = 1 %, in hundred-thousandths


def test_a_gate_s_claim_carries_what_its_evidence_rests_on(gate):
    outcome = gate(
        a_candidate("    return Targets(exposure=np.where(bars.close > talib.SMA(bars.close, 20), 0.5, 0.0))\n")
    )

    searched = outcome.searched
    assert searched is not None
    assert searched.own.units.size == searched.held.size
    evidence = next(check for check in outcome.checks if check.name == "evidence")
    assert {measure.name for measure in evidence.measures} >= {"pbo", "luck", "dsr", "spa", "trials"}
