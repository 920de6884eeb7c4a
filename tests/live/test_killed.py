"""Real trading processes over real sockets, killed at random moments: nothing lost, nothing doubled."""

from __future__ import annotations

import pytest

from benchmarks.live.deaths import die


@pytest.mark.slow
def test_processes_killed_at_random_moments_lose_and_double_nothing(tmp_path):
    found = die(3, tmp_path, seed=1)

    assert found.wrong == []
    assert found.deaths == 3
    assert found.orders > 0
    assert found.fills >= 1


@pytest.mark.soak
def test_two_hundred_deaths_lose_and_double_nothing(tmp_path):
    found = die(200, tmp_path, seed=2)

    assert found.wrong == []
    assert found.restarts_s
