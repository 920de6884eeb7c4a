"""A loop that is killed goes on from Git alone: nothing is paid for twice or lost, no pull request opens twice."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from agents.evolution.journal import Journal
from agents.evolution.records import Answered, Opened

from world import World, killing_after

SEED = 4
"""Of a run that opens two pull requests, so that one more or less would show."""
POINTS = 51
"""Moments of one run at which it may die: before and after each move of a reference, each answer, each request."""


def killed_at(folder: Path, point: int) -> bool:
    """Run in a process of its own that dies at `point`; return whether it did."""
    child = os.fork()
    if child == 0:
        try:
            World(folder, die=killing_after(point), per_round=2).run(rounds=2, seed=SEED)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def check_whole(folder: Path, undisturbed: str) -> None:
    """Go on in a fresh world and hold what came of it to what a run without a death comes to."""
    world = World(folder, per_round=2)
    came = world.run(rounds=2, seed=SEED)

    notes = Journal(world.repo).read()
    answered = [n.record.brief for n in notes if isinstance(n.record, Answered)]
    opened = [n.record for n in notes if isinstance(n.record, Opened)]
    billed = [brief for vendor in world.vendors.values() for brief in vendor.bill()]
    assert sorted(billed) == sorted(set(billed)), "an answer was paid for twice"
    assert set(billed) == set(answered), "an answer was paid for and lost"
    assert [row["number"] for row in world.forge.rows()] == [one.pull for one in opened]
    assert len({row["head_sha"] for row in world.forge.rows()}) == len(world.forge.rows()) == 2
    assert len(world.there.refs("refs/heads/agent/")) == 2
    assert world.counted.read_text().split() == [came.run.ended.study]
    assert Journal(world.repo).head() == undisturbed


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    world = World(tmp_path_factory.mktemp("whole") / "world", per_round=2)
    world.run(rounds=2, seed=SEED)
    head = Journal(world.repo).head()
    assert head is not None
    return head


def drawn(count: int, seed: int) -> list[int]:
    return sorted(random.Random(seed).sample(range(1, POINTS + 1), count))


@pytest.mark.parametrize("point", drawn(2, seed=1))
def test_a_killed_run_goes_on_to_the_same_end(tmp_path: Path, undisturbed: str, point: int) -> None:
    assert killed_at(tmp_path / "world", point)

    check_whole(tmp_path / "world", undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("point", range(1, POINTS + 1, 8))
def test_wherever_it_is_killed_it_goes_on_to_the_same_end(tmp_path: Path, undisturbed: str, point: int) -> None:
    assert killed_at(tmp_path / "world", point)

    check_whole(tmp_path / "world", undisturbed)


@pytest.mark.slow
def test_a_run_that_dies_again_and_again_still_comes_to_the_same_end(tmp_path: Path, undisturbed: str) -> None:
    deaths = sum(killed_at(tmp_path / "world", point) for point in (2, 9, 5, 7))

    assert deaths == 4
    check_whole(tmp_path / "world", undisturbed)


@pytest.mark.slow
def test_the_points_are_as_many_as_a_run_has(tmp_path: Path) -> None:
    seen: list[None] = []

    World(tmp_path / "world", die=lambda: seen.append(None), per_round=2).run(rounds=2, seed=SEED)

    assert len(seen) == POINTS + 1, "after the last one a run has ended, and the next command begins another"
