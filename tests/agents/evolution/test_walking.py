"""Numbers are chosen by earlier days and judged by later ones; a choice that is not worth it is not made."""

from __future__ import annotations

import numpy as np
import pytest
from agents.evolution.walking import choose, drawn

from world import seed_source


def days(*means: float, n: int = 40) -> np.ndarray:
    """Return n days a part, each part with its mean and a small alternating noise."""
    noise = np.where(np.arange(n) % 2 == 0, 0.001, -0.001)
    return np.concatenate([mean + noise for mean in means])


def test_a_set_that_is_better_all_along_is_chosen() -> None:
    walk = choose(np.stack([days(0.0001, 0.0001, 0.0001), days(0.001, 0.001, 0.001)]), folds=3)

    assert walk.chosen == 1
    assert walk.walk_forward > walk.own


def test_a_set_that_was_better_only_before_it_was_chosen_is_not() -> None:
    own, lucky = days(0.0005, 0.0005, 0.0005), days(0.01, -0.01, -0.01)

    walk = choose(np.stack([own, lucky]), folds=3)

    assert walk.chosen == 0
    assert walk.walk_forward < 0 < walk.own


def test_no_day_is_judged_by_numbers_that_it_helped_to_choose() -> None:
    own = days(0.0, 0.0)
    late = days(-0.001, 0.01)  # the best over all days, but the worst in the part that chooses

    walk = choose(np.stack([own, late]), folds=2)

    assert walk.chosen == 0
    assert walk.walk_forward == walk.own


def test_a_ruined_set_is_never_chosen_and_without_any_ratio_the_authors_numbers_stand() -> None:
    ruined = np.full(120, np.nan)

    assert choose(np.stack([days(0.001, 0.001, 0.001), ruined]), folds=3).chosen == 0
    assert choose(np.stack([ruined, ruined]), folds=3).chosen == 0


def test_fewer_days_than_parts_cannot_be_walked() -> None:
    with pytest.raises(ValueError, match="2 days in 3 parts"):
        choose(np.zeros((1, 2)), folds=3)


def test_sets_are_drawn_within_the_ranges_on_their_grid_own_first_each_once() -> None:
    manifest = seed_source().manifest

    sets = drawn(manifest, count=20, seed=4)

    assert sets[0] == {"fast": 20, "slow": 80, "entry": 0.004, "brake": 0.006}
    assert len(sets) == len({tuple(one.values()) for one in sets}) == 20
    for one in sets:
        assert 5 <= one["fast"] <= 40
        assert isinstance(one["fast"], int)
        assert (one["slow"] - 50) % 5 == 0
        assert 0.0 <= one["entry"] <= 0.02
    assert sets == drawn(manifest, count=20, seed=4)
    assert sets != drawn(manifest, count=20, seed=5)
