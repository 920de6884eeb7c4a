"""Waivers at the gate: limits alone, the decisions they were given for, the values they name, their time."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import msgspec
import pytest

from autarch.evidence.waiver import Waiver, render_waivers, waived_text, waiver_path
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.verdict import LAWS, CheckResult, Measure, overall
from ci.policy import CLASSES, parse_policy
from ci.report import markdown
from ci.report_html import html
from ci.report_text import terminal
from ci.waiving import Waivers, apply_waivers, waiver_problems, waivers_at, waivers_in_worktree

DIGEST = "d" * 64
MARCH_10 = 1_773_100_800_000  # 2026-03-10T00:00:00Z
MISSED = Measure(name="max_drawdown", value=0.41, op="<=", limit=0.35)
WAIVER = Waiver(
    check="risk",
    decisions=DIGEST,
    measured={"max_drawdown": 0.41},
    reason="hedged by the other sleeve",
    who="human",
    granted=dt.date(2026, 3, 1),
    expires=dt.date(2026, 3, 31),
)
FAILED = CheckResult(name="risk", klass="limit", verdict="failed", measures=(MISSED,), detail="too deep")
GREEN = CheckResult(name="scope", klass="law", verdict="passed", detail="fine")


def altered(**changes: object) -> bytes:
    return render_waivers([msgspec.structs.replace(WAIVER, **changes)])


def applied(content: bytes, *checks: CheckResult, slug: str = "trend", decisions: str = DIGEST, as_of_ms=MARCH_10):
    waivers = Waivers(files={"trend": content}, as_of_ms=as_of_ms)
    return apply_waivers(checks or (GREEN, FAILED), waivers, slug=slug, decisions=decisions)


def test_laws_are_the_same_in_the_library_and_in_every_policy() -> None:
    assert {name for name, classes in CLASSES.items() if classes == ("law",)} == LAWS
    assert not any("law" in classes for name, classes in CLASSES.items() if name not in LAWS)


def test_a_covered_limit_is_waived_accepted_and_told() -> None:
    found = applied(altered())

    assert [check.verdict for check in found.checks] == ["passed", "waived"]
    assert overall(found.checks) == "accepted"
    assert found.texts == (waived_text("trend", WAIVER, [MISSED]),)
    assert found.used == (WAIVER,)
    assert found.checks[1].measures == (MISSED,)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (altered(decisions="e" * 64), "given for decisions eeeeeeeeeeee"),
        (altered(expires=dt.date(2026, 3, 9)), "good from 2026-03-01 to 2026-03-09, and this is 2026-03-10"),
        (altered(granted=dt.date(2026, 3, 11)), "good from 2026-03-11"),
        (altered(measured={"max_drawdown": 0.40}), "worse than the 0.4 that was waived"),
        (altered(measured={"worst_day": 0.5}), "does not name max_drawdown"),
        (altered(check="causality"), "laws are never waived"),
        (b"schema = 1\n[[waiver", "not UTF-8 TOML"),
    ],
)
def test_a_void_waiver_leaves_the_check_failed_and_says_why(content: bytes, told: str) -> None:
    found = applied(content)

    assert overall(found.checks) == "rejected"
    assert (found.texts, found.used) == ((), ())
    assert found.checks[1].verdict == "failed"
    assert found.checks[1].detail.startswith("too deep (its waiver is void: ")
    assert told in found.checks[1].detail


@pytest.mark.parametrize("check", [altered(check="warmup"), altered(check="no_such_check")])
def test_a_waiver_of_another_or_of_no_check_changes_nothing(check: bytes) -> None:
    assert applied(check).checks == (GREEN, FAILED)


def test_another_strategys_waiver_changes_nothing() -> None:
    assert applied(altered(), slug="other").checks == (GREEN, FAILED)


def test_without_a_date_no_waiver_counts() -> None:
    assert applied(altered(), as_of_ms=None).checks == (GREEN, FAILED)


@pytest.mark.parametrize(
    "check",
    [
        dataclasses.replace(FAILED, klass="law"),
        dataclasses.replace(FAILED, klass="advice"),
        dataclasses.replace(FAILED, verdict="undecided"),
        dataclasses.replace(FAILED, verdict="skipped"),
        dataclasses.replace(FAILED, verdict="passed"),
    ],
)
def test_only_a_failed_limit_is_waived(check: CheckResult) -> None:
    assert applied(altered(), check).checks == (check,)


def test_a_failed_advice_never_blocks() -> None:
    assert overall((GREEN, dataclasses.replace(FAILED, klass="advice"))) == "accepted"


def test_waivers_are_held_against_the_later_of_base_and_ledger() -> None:
    waivers = Waivers(files={}, as_of_ms=MARCH_10)

    assert waivers.day == "2026-03-10"
    assert waivers.held_against(MARCH_10 - 1).day == "2026-03-10"
    assert waivers.held_against(MARCH_10 + 86_400_000).day == "2026-03-11"
    assert waivers.held_against(None) == waivers
    assert Waivers().held_against(MARCH_10).day is None


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path)
    made.run("init", "--quiet", "--initial-branch=main")
    return made


def commit(repo: GitRepo, files: dict[str, bytes], *, parents=(), when_s: int = MARCH_10 // 1000) -> str:
    author = Person(name="Somebody", email="somebody@autarch.invalid", when_s=when_s)
    tree = repo.with_files(repo.tree_of(parents[0]) if parents else None, dict(files))
    return repo.commit_tree(tree, parents=list(parents), message="x\n", author=author)


def test_main_is_read_and_never_the_proposal(repo: GitRepo) -> None:
    base = commit(repo, {"ci/waivers/trend.toml": altered(), "ci/waivers/sub/x.toml": b"", "ci/waivers/README.md": b""})
    head = commit(repo, {"ci/waivers/other.toml": altered()}, parents=[base])

    assert waivers_at(repo, base) == Waivers(files={"trend": altered()}, as_of_ms=MARCH_10)
    assert set(waivers_at(repo, head).files) == {"trend", "other"}


def test_a_folder_is_judged_by_the_waivers_beside_it(repo: GitRepo) -> None:
    base = commit(repo, {"README.md": b"x"})
    (repo.path / "ci/waivers").mkdir(parents=True)
    (repo.path / "ci/waivers/trend.toml").write_bytes(altered())
    (repo.path / "ci/waivers/Not a slug.toml").write_bytes(b"")

    assert waivers_in_worktree(repo.path, repo, base) == Waivers(files={"trend": altered()}, as_of_ms=MARCH_10)


def test_a_pull_request_with_a_bad_waiver_does_not_pass_scope(repo: GitRepo) -> None:
    path = waiver_path("trend")
    good, law, odd, gone = (
        commit(repo, {path: content, "ci/waivers/README.md": b"no waiver"})
        for content in (altered(), altered(check="scope"), altered(check="luck"), altered())
    )

    assert waiver_problems(repo, good, [path, "ci/policy.toml"]) == ()
    assert "laws are never waived" in waiver_problems(repo, law, [path])[0]
    assert "waives 'luck', which is no limit; the limits are warmup" in waiver_problems(repo, odd, [path])[0]
    assert "no place for waivers" in waiver_problems(repo, good, ["ci/waivers/README.md"])[0]
    assert waiver_problems(repo, gone, ["ci/waivers/taken_back.toml"]) == ()


def test_the_gate_names_the_waiver_in_verdict_reports_and_claim(kit, gate) -> None:
    strict = gate.inputs.policy
    text = Path(__file__).parents[2].joinpath(strict.path).read_text()
    for old, new in (("cuts = 6000", "cuts = 600"), ("turnover_per_day_max = 12.0", "turnover_per_day_max = 0.0")):
        assert old in text
        text = text.replace(old, new)
    policy = parse_policy(text.encode(), path=strict.path)
    candidate = kit.candidate(kit.trend)
    bare = gate(candidate, policy=policy)
    turnover = next(m for m in kit.check(bare, "risk").measures if m.name == "turnover_per_day")
    missed = {m.name: m.value for check in bare.checks for m in check.measures if check.name == "risk" and not m.holds}
    waiver = msgspec.structs.replace(WAIVER, decisions=bare.decisions.digest(), measured=missed)
    waivers = Waivers(files={"probe": render_waivers([waiver])}, as_of_ms=MARCH_10)

    told = gate(candidate, policy=policy, waivers=waivers)

    assert (turnover.holds, kit.words(bare)["risk"]) == (False, "failed")
    assert kit.words(told)["risk"] == "waived"
    line = waived_text("probe", waiver, kit.check(told, "risk").measures)
    assert told.waived == (line,)
    assert told.to_json()["waived"] == [line]
    assert told.claim.waived == (line,)
    assert told.claim.as_of == "2026-03-10"
    assert "hedged by the other sleeve" in terminal(told)
    assert "risk waived" in terminal(told)
    assert "hedged by the other sleeve" in html(told)
    assert "hedged by the other sleeve" in markdown(told)
