"""scope says what a branch is: one strategy, a removal, a platform change, or what is wrong with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ci.candidate import Candidate
from ci.checks.scope import check


def having(**changes: object) -> Candidate:
    return replace(Candidate(kind="strategy", slug="probe", source=None), **changes)


def test_one_strategy_passes_with_the_sizes_of_its_files(kit) -> None:
    candidate = kit.candidate(kit.trend)

    answer = check(candidate)

    assert (answer.verdict, answer.detail) == ("passed", "exactly the files of strategies/probe")
    assert [(one.name, one.value, one.unit) for one in answer.measures] == [
        ("manifest_bytes", float(len(candidate.source.manifest_bytes)), "bytes"),
        ("code_bytes", float(len(candidate.source.code)), "bytes"),
    ]


@pytest.mark.parametrize(
    ("candidate", "verdict", "detail"),
    [
        (having(), "passed", "exactly the files of strategies/probe"),  # a manifest that does not parse: for policy
        (having(kind="platform", slug=None), "passed", "the branch touches the platform and no strategy"),
        (having(removal=True), "passed", "the branch removes strategies/probe and nothing else"),
        (having(kind="mixed"), "failed", "the branch is neither one strategy nor a platform change; split it."),
        (having(kind="empty"), "failed", "the branch is neither one strategy nor a platform change; split it."),
        (having(kind="mixed", problems=("two slugs.",)), "failed", "two slugs."),
        (having(kind="platform", problems=("a link.",)), "failed", "a link."),
        (having(removal=True, problems=("a file stays.",)), "failed", "a file stays."),
    ],
)
def test_what_is_proposed_has_one_sentence(candidate, verdict, detail) -> None:
    answer = check(candidate)

    assert (answer.verdict, answer.detail, answer.measures) == (verdict, detail, ())


def test_five_problems_are_shown_and_the_rest_is_counted() -> None:
    five = tuple(f"p{number}." for number in range(5))

    assert check(having(problems=five)).detail == "p0. p1. p2. p3. p4."
    assert check(having(problems=(*five, "p5."))).detail == "p0. p1. p2. p3. p4. And 1 more."
