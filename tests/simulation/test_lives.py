"""Lives of the real executor and the real Bybit venue against our model of Bybit: no order lost, none sent twice."""

from __future__ import annotations

import pytest

from .crashes import LIVES, awaits_of_code, die_at, points_of, summed
from .faults import PAIRS
from .running import live, many, spread

SEEDS, SOAKED = 2000, 4000
JOBS = 2


@pytest.mark.parametrize("seed", [1, 4, 50, 443, 823, 1099, 1305, 4029, 4572, 5001, 12833])
def test_a_life_shows_nothing_that_no_life_may_show(seed):
    outcome = live(seed)

    assert outcome.broken == ()
    assert outcome.decisions > 0


def test_a_seed_is_lived_alike_twice():
    first, again = live(7), live(7)

    assert first.trace == again.trace
    assert first.steps == again.steps


def test_a_life_without_faults_ends_on_its_target():
    outcome = live(2, faults=False)

    assert set(outcome.ended.values()) == {"on target"}
    assert outcome.starts == 1


def test_every_append_can_be_the_last_of_a_process():
    points = points_of("plain", each=0)[::6]

    cut = summed(points, map(die_at, points))

    assert len(points) >= 6
    assert cut.broken == {}


@pytest.mark.slow
def test_no_seed_loses_or_repeats_an_order_and_nearly_all_pairs_meet():
    summary = many(range(SEEDS), jobs=JOBS)

    assert summary.broken == {}
    assert summary.lives == SEEDS
    assert len(summary.met & set(PAIRS)) >= 0.95 * len(PAIRS)


@pytest.mark.soak
def test_no_seed_of_many_more_loses_or_repeats_an_order():
    summary = many(range(SEEDS, SOAKED), jobs=JOBS)

    assert summary.broken == {}
    assert len(summary.met & set(PAIRS)) >= 0.95 * len(PAIRS)


@pytest.mark.soak
def test_a_process_can_die_wherever_it_waits():
    points = [point for name in LIVES for point in points_of(name, each=1)]

    cut = summed(points, spread(die_at, points, jobs=JOBS))

    assert cut.broken == {}
    assert len(cut.awaits & awaits_of_code()) > 30
