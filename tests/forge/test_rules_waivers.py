"""Waivers reach main from a human's hand alone; every push here is a real one over HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest

from autarch.evidence.waiver import Waiver, render_waivers, waiver_path
from autarch.forge.client import ForgeRefusedError
from autarch.forge.rules import Rulebook, RuleRefusedError
from autarch.forge.rules_waivers import judge_waived
from autarch.forge.wire import Account

from .conftest import MAIN, Keys, Yard, assert_refused, make_yard, merge_commit

PATH = waiver_path("ema_trend")
WAIVER = Waiver(
    check="risk",
    decisions="d" * 64,
    measured={"max_drawdown": 0.41},
    reason="hedged by the other sleeve",
    who="human",
    granted=dt.date(2026, 3, 1),
    expires=dt.date(2026, 3, 31),
)
MARCH_10 = 1_773_100_800_000  # 2026-03-10T00:00:00Z


def altered(**changes: object) -> bytes:
    return render_waivers([msgspec.structs.replace(WAIVER, **changes)])


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("waivers"), project, keys) as made:
        yield made


@pytest.mark.parametrize("path", [PATH, "CI/Waivers/ema_trend.toml", "ci/waivers/deep/x.toml"])
def test_an_agents_branch_that_touches_a_waiver_is_refused(shared: Yard, path: str) -> None:
    head = shared.commit({path: altered()})

    said = assert_refused(shared, f"{head}:refs/heads/agent/tuner/waiver-1", "waiver-human", login="tuner")

    assert "autarch waive" in said


def test_a_waiver_hidden_below_a_later_commit_of_an_agents_branch_is_refused(shared: Yard) -> None:
    first = shared.commit({PATH: altered()})
    head = shared.commit({"README.md": b"harmless\n"}, parent=first)

    assert_refused(shared, f"{head}:refs/heads/agent/tuner/waiver-2", "waiver-human", login="tuner")


def test_an_agent_may_not_push_a_humans_branch(shared: Yard) -> None:
    head = shared.commit({PATH: altered()})

    assert_refused(shared, f"{head}:refs/heads/human/waiver-3", "role", login="tuner")


def test_a_human_cannot_merge_an_agents_proposal_of_a_humans_branch_with_a_waiver(shared: Yard) -> None:
    head = shared.commit({PATH: altered(reason="a reason of an agent")})
    code, said = shared.push("human", f"{head}:refs/heads/human/waiver-4")
    assert code == 0, said

    with pytest.raises(ForgeRefusedError, match="not tuner's to propose"):
        shared.client("tuner").create_pull(head="human/waiver-4", title="Waive", body="Because.")


def proposed(yard: Yard, content: bytes, branch: str) -> tuple[str, int]:
    """Open a human's pull request with one waiver, its checks green, approved by a human."""
    head = yard.commit({PATH: content})
    code, said = yard.push("human", f"{head}:refs/heads/{branch}")
    assert code == 0, said
    pull = yard.client("human").create_pull(head=branch, title="Waive", body="Because.")
    yard.approve_checks(head, slug=None)
    yard.client("human").review(pull.number, event="APPROVE", commit=head)
    return head, pull.number


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (altered(check="causality"), "laws are never waived"),
        (altered(expires=dt.date(2026, 6, 30)), "0 to 90 are allowed"),
        (b"schema = 1\n", "waiver"),
    ],
)
def test_what_no_waiver_may_say_does_not_merge_even_approved(shared: Yard, content: bytes, told: str) -> None:
    head, number = proposed(shared, content, f"human/bad-{len(content)}")

    with pytest.raises(ForgeRefusedError) as button:
        shared.client("human").merge_pull(number, sha=head)
    said = assert_refused(shared, f"{merge_commit(shared, head, number, Evidence='none')}:{MAIN}", "waiver")

    assert told in button.value.message
    assert told in said


def test_a_humans_waiver_merges_once_approved(tmp_path, project, keys: Keys) -> None:
    with make_yard(tmp_path, project, keys) as yard:
        head, number = proposed(yard, altered(), "human/good")

        yard.client("human").merge_pull(number, sha=head)

        assert yard.bare.blob_at(yard.main, PATH) == altered()


def test_a_waived_check_needs_a_waiver_on_main_that_is_good_today(shared: Yard) -> None:
    head = shared.strategy()
    base = shared.commit({PATH: altered()})
    record = shared.record(head, "risk", klass="limit", verdict="waived")

    def judged(now_ms: int = MARCH_10, *, at: str = base, **changes: object) -> str:
        book = Rulebook(repo=shared.clone, pusher=Account(login="h", role="human"), policy_path="", now_ms=now_ms)
        try:
            judge_waived(book, msgspec.structs.replace(record, **changes), base=at)
        except RuleRefusedError as refusal:
            return refusal.why
        return "may merge"

    # 2026-03-31T23:59:59.999Z and one millisecond later
    end = MARCH_10 + 22 * 86_400_000
    assert judged() == "may merge"
    assert judged(end - 1) == "may merge"
    assert "good from 2026-03-01 to 2026-03-31, and this is 2026-04-01" in judged(end)
    assert "main holds no ci/waivers/ema_trend.toml" in judged(at=shared.main)
    assert "does not name it" in judged(name="warmup")
    assert "ci/waivers/other_one.toml" in judged(strategy="other_one")
    assert judged(end, at=shared.main, lane="less") == "may merge"
    assert "main holds no" in judged(at=shared.main, lane="ordinary")


def test_a_law_waived_under_another_class_keeps_main_where_it_is(shared: Yard) -> None:
    head = shared.strategy("relabelled")
    pull = shared.propose(head, branch="agent/tuner/relabelled-1")
    scope = shared.record_spec(shared.record(head, "scope", slug="relabelled"))
    law = shared.record_spec(shared.record(head, "backtest", slug="relabelled", verdict="waived", klass="limit"))
    shared.push("ci", f"{shared.evidence_spec(head)} {scope} {law}")

    said = assert_refused(shared, f"{merge_commit(shared, head, pull.number)}:{MAIN}", "required-checks")

    assert "backtest=law-waived" in said
