"""Every hostile snippet is refused by the policy; where there is no policy, confinement keeps it from doing harm."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from autarch.sandbox.source_policy import check_source

from .confined import confined
from .snippets import load
from .sources import as_read
from .table import WALLS, Row, by_class, without
from .unconfined import Unconfined
from .world import Neighbour, World, moments

SNIPPETS = load()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def walls(world):
    with confined(world) as running:
        yield running


@pytest.fixture(scope="module")
def nothing(world):
    running = Unconfined(world)
    yield running
    running.close()


def test_the_corpus_is_broad():
    classes = Counter(snippet.kind for snippet in SNIPPETS)

    assert len(SNIPPETS) >= 250
    assert len(classes) >= 30
    assert min(classes.values()) >= 4


def test_without_a_snippet_the_frame_passes_so_that_a_refusal_is_the_snippets_own():
    assert [str(finding) for finding in check_source(as_read(None))] == []


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet.id)
def test_the_policy_refuses_it_by_name_with_a_line_and_a_cure(snippet):
    found = check_source(as_read(snippet))

    assert snippet.rule in [finding.construct for finding in found], "\n".join(map(str, found))
    assert all(finding.line >= 1 and finding.column >= 1 and len(finding.message) > 8 for finding in found)


def test_a_clock_is_known_by_the_day_or_by_a_hundred_seconds_of_it():
    midnight = 1_700_006_400  # 2023-11-15T00:00:00Z

    assert moments(midnight + 1) == ("2023-11-15", "17000064", "2023-11-14", "17000063")


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_neighbour_is_found_ill_as_soon_as_the_signal_was_sent(sent):
    for _ in range(5):
        one = Neighbour("a secret")
        assert one.is_well()
        os.kill(one.process.pid, sent)
        found = one.is_well()
        one.close()

        assert not found


@pytest.mark.slow
def test_where_nothing_stops_it_every_snippet_does_its_harm(nothing):
    tame = [snippet.id for snippet in SNIPPETS if snippet.harm not in nothing.run(snippet).harms]

    assert tame == []


@pytest.mark.slow
def test_confined_no_snippet_does_any_harm_though_no_policy_read_it(walls):
    harms = {snippet: ran.harms for snippet in SNIPPETS if (ran := walls.run(snippet)).harms}

    assert {snippet.id: found for snippet, found in harms.items() if not snippet.left_to} == {}
    assert set(harms.values()) == {("random",)}  # generators differ between zygotes always, addresses hardly ever


THROUGH = {
    "other processes: a sibling is killed": "neighbour",
    "other processes: whoever started it is killed": "parent",
    "machine code and system calls: memory made executable later": "inside",
    "machine code and system calls: a mode changed": "write",
    "machine code and system calls: a link made": "write",
}


@pytest.mark.slow
def test_with_the_walls_taken_away_harm_is_done_and_seen_and_one_wall_is_enough():
    nothing_left = without(["landlock", "seccomp", "namespaces"], *THROUGH)
    the_filter_left = without(["landlock", "namespaces"], *THROUGH)

    assert {name: harm for name, harm in THROUGH.items() if harm not in nothing_left[name]} == {}
    assert {name: harms for name, harms in the_filter_left.items() if harms} == {}


def test_a_class_counts_its_rows():
    one, two = (
        Row(kind="k", name="a", harm="read", rule="open", stopped=True, alone=("seccomp",), left_to=""),
        Row(kind="k", name="b", harm="random", rule="", stopped=False, alone=(), left_to="determinism"),
    )

    (found,) = by_class([one, two])

    assert (found.snippets, found.refused, found.stopped, found.left) == (2, 1, 1, 1)
    assert found.by_wall == {wall: int(wall == "seccomp") for wall in WALLS}
