"""Events are read for few fields, and whatever is not ours is refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import UsageError
from ci.actions.events import (
    EVENT_BYTES_MAX,
    commit_id,
    parse_comment,
    parse_gate_run,
    parse_proposed,
    parse_push,
)

HEAD, BASE, OTHER = "a" * 40, "b" * 40, "c" * 40
HERE = {"full_name": "o/r", "id": 5}
PULL = {"number": 7, "head": {"sha": HEAD, "ref": "agent/x"}, "base": {"sha": BASE, "ref": "main"}, "title": "`rm`"}


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def a_run(**changes: object) -> bytes:
    run = {
        "id": 1,
        "path": ".github/workflows/gate.yml",
        "event": "pull_request",
        "head_sha": HEAD,
        "head_branch": "agent/x",
        "conclusion": "success",
        "pull_requests": [PULL],
    }
    return as_bytes({"action": "completed", "workflow_run": run | changes, "repository": HERE})


def test_a_pull_request_is_its_number_head_and_base():
    found = parse_proposed(as_bytes({"pull_request": PULL, "repository": HERE, "sender": {}}), "pull_request")

    assert (found.repository, found.number, found.head, found.base) == ("o/r", 7, HEAD, BASE)


def test_a_merge_group_names_its_pull_request_by_the_queue_s_branch():
    group = {"head_sha": HEAD, "base_sha": BASE, "head_ref": f"refs/heads/gh-readonly-queue/main/pr-12-{BASE}"}
    found = parse_proposed(as_bytes({"merge_group": group, "repository": HERE}), "merge_group")

    assert (found.number, found.head, found.base) == (12, HEAD, BASE)


def test_a_pull_request_onto_another_branch_is_not_judged():
    elsewhere = PULL | {"base": {"sha": BASE, "ref": "release"}}

    with pytest.raises(UsageError, match="onto 'release'"):
        parse_proposed(as_bytes({"pull_request": elsewhere, "repository": HERE}), "pull_request")


def test_a_run_of_the_gate_is_followed_by_its_head():
    found = parse_gate_run(a_run())

    assert (found.head, found.number, found.succeeded, found.queued) == (HEAD, 7, True, False)
    assert parse_gate_run(a_run(conclusion=None)).succeeded is None
    assert parse_gate_run(a_run(conclusion="cancelled")).succeeded is False


def test_a_pull_request_of_another_head_does_not_lend_its_number():
    other = PULL | {"number": 3, "head": {"sha": OTHER, "ref": "agent/y"}}

    assert parse_gate_run(a_run(pull_requests=[other])).number is None
    assert parse_gate_run(a_run(pull_requests=[other, PULL])).number == 7


def test_a_pull_request_in_somebody_s_fork_does_not_lend_its_number():
    theirs = PULL | {"number": 1, "base": PULL["base"] | {"repo": {"id": 6, "name": "r"}}}
    ours = PULL | {"base": PULL["base"] | {"repo": {"id": 5, "name": "r"}}}

    assert parse_gate_run(a_run(pull_requests=[theirs])).number is None
    assert parse_gate_run(a_run(pull_requests=[theirs, ours])).number == 7


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"path": ".github/workflows/gates.yml"}, "only runs of"),
        ({"path": "agent/gate.yml@main"}, "only runs of"),
        ({"event": "push"}, "started by 'push'"),
        ({"event": "workflow_dispatch"}, "started by"),
        ({"head_sha": "main"}, "full commit id"),
        ({"head_sha": f"{HEAD}\n"}, "full commit id"),
    ],
)
def test_a_run_that_somebody_else_made_is_refused(changes, why):
    with pytest.raises(UsageError, match=why):
        parse_gate_run(a_run(**changes))


def test_a_comment_counts_on_an_open_pull_request_alone():
    issue = {"number": 7, "state": "open", "pull_request": {"url": "x"}}
    comment = {"id": 1, "body": "/close", "user": {"login": "alice", "type": "User"}}
    whole = {"issue": issue, "comment": comment, "repository": HERE}

    assert parse_comment(as_bytes(whole)).login == "alice"
    assert not parse_comment(as_bytes(whole | {"comment": comment | {"user": {"login": "b", "type": "Bot"}}})).is_person
    for gone in (issue | {"state": "closed"}, {"number": 7, "state": "open"}):
        with pytest.raises(UsageError, match="not on an open pull request"):
            parse_comment(as_bytes(whole | {"issue": gone}))


def test_a_push_that_makes_a_reference_has_nothing_before_it_and_a_deletion_is_nothing():
    told = {"ref": "refs/tags/v0.1.0", "before": "0" * 40, "after": HEAD, "repository": HERE}

    assert parse_push(as_bytes(told)).before is None
    with pytest.raises(UsageError, match="deletion"):
        parse_push(as_bytes(told | {"before": HEAD, "after": "0" * 40}))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 100_000])
def test_what_is_no_event_is_refused(content):
    with pytest.raises(UsageError, match="event"):
        parse_gate_run(content)


def test_an_event_beyond_its_size_is_not_parsed():
    with pytest.raises(UsageError, match="bytes; at most"):
        parse_gate_run(b" " * (EVENT_BYTES_MAX + 1))


@given(st.text(max_size=70))
def test_only_full_lower_case_commit_ids_pass(text):
    whole = len(text) in {40, 64} and all(each in "0123456789abcdef" for each in text)

    if whole:
        assert commit_id(text) == text
    else:
        with pytest.raises(UsageError):
            commit_id(text)
