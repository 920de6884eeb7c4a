"""What robustness measured is drawn as it was measured: thinned, in order, and the candidate on top."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ci.checks.findings import Findings
from ci.checks.ground import Curve
from ci.checks.jitter import Moved
from ci.checks.placebo import Told
from ci.report_findings import GROWTH_MIN, fan, placebo_marks

BAR_MS = 900_000


def a_curve(*equity: float, first_row: int = 0) -> Curve:
    n = len(equity)
    return Curve(
        capital=100.0,
        equity=np.array(equity, dtype=np.float64),
        ts=np.arange(n, dtype=np.int64) * BAR_MS,
        interval_ms=BAR_MS,
        first_row=first_row,
        is_ruined=False,
    )


def some_findings(own: Curve, **changed: object) -> Findings:
    names = {field.name for field in dataclasses.fields(Findings)}
    found = dict.fromkeys(names, own) | {
        "moved": (),
        "worlds": (),
        "world_rows": 0,
        "noisy": None,
        "renumbered": None,
        "besides": (),
        "changes": (),
        **changed,
    }
    return Findings(**found)


def test_the_fan_holds_the_candidate_and_all_that_could_be_played() -> None:
    own = a_curve(100.0, 110.0, 121.0)
    moved = ((Moved(name="fast", params={"fast": 11}), a_curve(100.0, 100.0, 90.0)), (Moved(name="x", params={}), None))

    drawn = fan(some_findings(own, moved=moved))

    assert drawn.time_s == [900, 1800, 2700]  # closes
    kinds = [(one.kind, one.label) for one in drawn.strands]
    assert kinds[0] == ("jitter", "fast = 11")
    assert kinds[-1] == ("own", "as proposed")
    assert [one.kind for one in drawn.strands] == ["jitter", "costs", "costs", "delay", "own"]
    assert drawn.strands[0].growth == [1.0, 1.0, 0.9]
    assert drawn.strands[-1].growth == [1.0, 1.1, 1.21]


def test_a_long_fan_is_thinned_to_its_last_bar() -> None:
    own = a_curve(*np.linspace(100.0, 200.0, 1_001))

    drawn = fan(some_findings(own), points_max=100)

    assert len(drawn.time_s) <= 101
    assert drawn.time_s[-1] == 1_001 * 900
    assert drawn.strands[-1].growth[-1] == 2.0
    assert all(len(one.growth) == len(drawn.time_s) for one in drawn.strands)


def test_a_fan_begins_where_decisions_count_and_shows_ruin_above_zero() -> None:
    drawn = fan(some_findings(a_curve(100.0, 100.0, -5.0, first_row=1)))

    assert drawn.time_s == [1800, 2700]
    assert drawn.strands[-1].growth == [1.0, GROWTH_MIN]
    assert fan(some_findings(a_curve(100.0, first_row=1))).strands == []


def told(kind: str, *equity: float) -> Told:
    return Told(kind=kind, curve=a_curve(*equity) if equity else None)


def daily(*factors: float) -> list[float]:
    """Return equity that changes by `factors`, one a day of 96 bars."""
    return [float(v) for factor in np.cumprod(factors) for v in [100.0 * factor] * 96]


def test_the_candidate_stands_among_its_worlds_with_the_best_at_the_right() -> None:
    up, flat, down = daily(1.0, 1.02, 1.01, 1.02), daily(1.0, 1.01, 0.99, 1.01), daily(1.0, 0.98, 0.99, 0.98)
    worlds = (told("own", *up), told("shuffled", *flat), told("inverted", *down), told("shuffled"))

    drawn = placebo_marks(some_findings(a_curve(100.0), worlds=worlds, world_rows=384))

    assert drawn is not None
    assert (drawn.place, drawn.count, drawn.rows) == (1, 3, 384)  # a world that could not be played is none
    assert [(mark.kind, mark.is_own) for mark in drawn.marks] == [
        ("inverted", False),
        ("shuffled", False),
        ("own", True),
    ]
    assert (drawn.marks[0].at, drawn.marks[-1].at) == (0.0, 100.0)
    assert drawn.marks[-1].sharpe == pytest.approx(drawn.high)


def test_without_worlds_there_is_no_rank() -> None:
    assert placebo_marks(some_findings(a_curve(100.0))) is None


def test_worlds_that_are_all_alike_stand_in_one_place() -> None:
    worlds = (told("own", *daily(1.0, 1.0)), told("shuffled", *daily(1.0, 1.0)))

    drawn = placebo_marks(some_findings(a_curve(100.0), worlds=worlds))

    assert drawn is not None
    assert {mark.at for mark in drawn.marks} == {0.0}
    assert drawn.place == 2  # a world as good stands before it
