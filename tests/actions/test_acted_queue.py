"""What a merge queue and a clock start, by act: the merge that would be made is judged, and nights are paid for."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from .ground import SOMEBODY, strategy
from .relay import relaying
from .stage import Stage, staged_once

pytestmark = pytest.mark.slow


stage = staged_once("theatre")


class Queued(NamedTuple):
    number: int
    head: str
    branch: str


def queued(stage: Stage, *slugs: str) -> Queued:
    """Propose strategies, and merge them onto main where a platform's queue does: in a branch of its own."""
    tip, number = stage.main, 0
    for slug in slugs:
        number, head = stage.propose(strategy(slug), branch=f"agent/tuner/{slug}-1")
        tree = stage.bare.merge_tree(tip, head).tree
        tip = stage.bare.commit_tree(tree, parents=[tip, head], message="Merge\n", author=SOMEBODY)
    branch = f"gh-readonly-queue/main/pr-{number}-{stage.main}"
    stage.bare.update_ref(f"refs/heads/{branch}", tip, old=None)  # the platform's own, past the forge's rules
    return Queued(number, tip, branch)


def judged(stage: Stage, group: Queued):
    evaluated = stage.act("gate.yml", "merge_group", stage.group_event(group.head, group.branch))
    event = stage.run_event(None, group.head, event="merge_group", head_branch=group.branch)
    reserved = stage.act("reserve.yml", "workflow_run", event)
    assert reserved.jobs == {"reserve": "success"}, reserved.said
    return evaluated, stage.act("publish.yml", "workflow_run", event)


def test_a_queue_s_merge_is_judged_and_the_verdict_is_the_merge_s_own(stage):
    group = queued(stage, "a_queue")

    evaluated, published = judged(stage, group)

    assert evaluated.jobs == {"evaluate": "success"}, evaluated.said
    assert published.jobs == {"holdout": "success", "publish": "success"}, published.said
    assert set(stage.checks(group.head).values()) == {"success"}
    assert stage.checks(stage.forge("ci").pull(group.number).head_sha) == {}
    assert {(entry.entry.pr, entry.entry.head) for entry in stage.entries() if entry.entry.slug} == {
        (group.number, group.head)
    }


def test_two_strategies_that_a_queue_put_together_are_refused(stage):
    group = queued(stage, "b_queue", "c_queue")

    evaluated, published = judged(stage, group)

    assert (evaluated.code, published.code) == (0, 0), published.said
    checks = stage.checks(group.head)
    assert {name for name, said in checks.items() if said == "failure"} == {"gate", "scope"}


NIGHTLY = b'''"""Stands in for the calibration, which takes minutes: what it is given decides."""

import sys

assert sys.argv[1:] == ["--synthetic"], sys.argv
sys.exit(CODE)
'''


def test_a_night_s_calibration_says_whether_promotions_are_too_many(stage, root):
    files = {
        f"benchmarks/{name}.py": (root / f"benchmarks/{name}.py").read_bytes() for name in ("__init__", "__main__")
    }
    event = {"repository": stage.repository, "schedule": "11 2 * * *"}
    codes = []
    for code in (b"0", b"1"):
        stage.move_main({**files, "benchmarks/calibration.py": NIGHTLY.replace(b"CODE", code)})
        codes.append(stage.act("calibrate.yml", "schedule", event).jobs)

    assert codes == [{"calibrate": "success"}, {"calibrate": "failure"}]


def test_a_night_s_new_bars_are_asked_of_what_is_on_main(stage):
    stage.move_main(strategy("a_night"))

    done = stage.act("forward.yml", "schedule", {"repository": stage.repository, "schedule": "41 1 * * *"})

    assert done.jobs == {"forward": "success"}, done.said
    assert [(entry.entry.kind, entry.entry.slug) for entry in stage.entries()][-1] == ("forward", "a_night")


def test_a_night_whose_minutes_are_used_up_begins_nothing(stage):
    run = {"id": 1, "head_sha": "a" * 40, "status": "in_progress", "created_at": "2026-01-01T00:00:00Z"}
    before = stage.kinds()
    with relaying(stage.url) as relay:
        relay.runs = [run]  # one that never ended
        behind, stage.url = stage.url, relay.url
        done = stage.act("forward.yml", "schedule", {"repository": stage.repository, "schedule": "41 1 * * *"})
        stage.url = behind

    assert done.jobs == {"forward": "failure"}
    assert "minutes today in 1 runs, the cap is 240" in done.log
    assert stage.kinds() == before
