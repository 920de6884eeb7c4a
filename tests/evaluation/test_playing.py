"""Played decisions are measured from the first that counts, and two are compared from the later first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autarch.evaluation.playing import likeness, play_decisions

from ..metrics.by_hand import COSTS, decisions_of, market_of, series  # noqa: TID252  one yard for both areas

DAY_MS = 86_400_000
PRICES = [100, 100, 110, 105, 120, 110, 115, 130, 120, 125, 140, 135]  # two bars a day: six days


@pytest.fixture(scope="module")
def market():
    return market_of(series("AAAUSDT", PRICES))


def played(market, source_of, exposure, *, first_row):
    source = source_of("return Targets(exposure=bars.close)", symbols=("AAAUSDT",))
    counts = (np.arange(len(PRICES)) >= first_row)[:, np.newaxis]
    decisions = replace(decisions_of(market, exposure), counts=counts)
    return play_decisions(source, decisions, market, costs=COSTS, capital=1_000.0, params={"fast": 3})


def test_time_counts_from_the_first_decision_that_counts(market, source_of):
    found = played(market, source_of, [0.0] * 4 + [1.0] * 8, first_row=4)

    assert found.metrics["days"] == 4.0
    assert found.first_ms == market.ts[4]
    assert found.params == {"fast": 3}


def test_two_are_compared_from_the_day_on_which_both_decide(market, source_of):
    early = played(market, source_of, [-1.0] * 4 + [1.0] * 8, first_row=0)
    late = played(market, source_of, [0.0] * 4 + [1.0] * 8, first_row=4)

    found = likeness(early, late)

    # wherever both decide they hold the same; before it one was short and the other could not be anything
    assert found.alike == 1.0
    assert found.correlation == pytest.approx(
        np.corrcoef(early.daily_since(late.first_ms), late.daily_since(late.first_ms))[0, 1], rel=1e-12
    )
    assert early.daily_since(late.first_ms).size == 4
    whole = np.corrcoef(early.daily_since(early.first_ms), late.daily_since(early.first_ms))[0, 1]
    assert abs(found.correlation - whole) > 0.01
