"""No score is read uncounted: N is the number of heads whose score could have been seen, whatever is tried."""

from __future__ import annotations

import pytest

from autarch.errors import UsageError
from autarch.evidence.ledger import LEDGER_REF
from autarch.evidence.ledger_entry import LedgerError
from autarch.forge.client import ForgeRefusedError
from autarch.referee.process import RefereeProcess
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import PushRefusedError
from ci import inputs
from ci.actions.publishing import Handed, publish_run
from ci.actions.reserving import reserve_run

from .benching import bench_of, nothing
from .ground import HONEST, REACHES, SOMEBODY, strategy
from .stage import Stage


@pytest.fixture(autouse=True)
def _this_process(ground, monkeypatch):
    """Let this process pass for one that runs main's code, whoever edits the project meanwhile."""
    ours = engine_digest_at(ground.repo, ground.repo.rev_parse("main"))
    monkeypatch.setattr(inputs, "engine_digest", lambda: ours)
    monkeypatch.setattr(inputs, "selftest_digest", lambda: "5" * 64)


def reserved(stage: Stage, number: int | None, head: str, **changes: object):
    event = stage.run_event(number, head, **({"status": "queued", "conclusion": None} | changes))
    return reserve_run(bench_of(stage, "workflow_run", event), stage.forge("ci"), stage.ground.key)


def published(stage: Stage, number: int | None, head: str, *, forge=None, words: str = "", **changes: object):
    bench = bench_of(stage, "workflow_run", stage.run_event(number, head, **changes))
    handed = Handed(parcel=nothing(stage), words=words)
    with RefereeProcess() as referee:
        return publish_run(bench, forge or stage.forge("ci"), stage.ground.key, handed, referee)


def test_a_run_is_counted_when_it_is_requested_and_once(stage):
    number, head = stage.propose(strategy())

    first = reserved(stage, number, head)
    again = reserved(stage, number, head, run_attempt=2)
    unnamed = reserved(stage, None, head)  # as of a fork, whose runs name no pull request

    assert first.digest == again.digest == unnamed.digest
    assert stage.kinds() == [("reservation", None)]
    assert (first.entry.pr, first.entry.head, first.entry.base) == (number, head, stage.main)
    assert stage.trials == 1


def test_a_run_that_is_cancelled_stays_counted_and_tells_nothing_of_the_strategy(stage):
    number, head = stage.propose(strategy())
    reserved(stage, number, head)

    outcome = published(stage, number, head, conclusion="cancelled")

    assert outcome.verdict == "undecided"
    assert outcome.metrics == {}
    assert stage.trials == 1
    assert set(stage.checks(head).values()) == {"action_required"}


def test_each_head_that_was_pushed_over_another_counts(stage):
    number, first = stage.propose(strategy())
    reserved(stage, number, first)
    second = stage.push(strategy(code=HONEST.replace("1.0, 0.0", "0.5, 0.0")), branch="agent/tuner/a_trend-1")
    reserved(stage, number, second)

    assert first != second
    assert stage.trials == 2


@pytest.mark.slow
def test_the_verdict_on_a_head_that_was_pushed_over_is_no_report_of_the_new_one(stage):
    number, first = stage.propose(strategy())
    stage.push(strategy(code=HONEST.replace("1.0, 0.0", "0.5, 0.0")), branch="agent/tuner/a_trend-1")

    published(stage, number, first, conclusion="failure")

    assert "gate" in stage.checks(first)
    assert not any("autarch:report" in comment.body for comment in stage.forge("ci").comments(number))


@pytest.mark.slow
def test_closing_the_pull_request_and_deleting_the_run_leave_it_counted(stage):
    number, head = stage.propose(strategy())
    reserved(stage, number, head)
    stage.forge("human").close_pull(number)

    with pytest.raises(UsageError, match="no open pull request"):
        published(stage, None, head)
    assert stage.trials == 1


def test_a_pull_request_that_is_closed_before_its_run_is_counted_is_counted(stage):
    number, head = stage.propose(strategy())
    stage.forge("human").close_pull(number)

    found = reserved(stage, None, head)  # as of a fork, whose runs name no pull request

    assert (found.entry.pr, found.entry.head) == (number, head)
    assert stage.trials == 1
    with pytest.raises(UsageError, match="no open pull request"):
        reserved(stage, None, stage.main)


@pytest.mark.slow
def test_where_reserving_was_cancelled_publishing_counts_before_it_tells(stage):
    number, head = stage.propose(strategy(code=REACHES))
    counted: list[int] = []

    class Watched:
        def __getattr__(self, name: str):
            if name in {"create_check_run", "set_report", "set_status", "add_comment"}:
                counted.append(len(stage.entries()[:1]))
            return getattr(stage.forge("ci"), name)

    published(stage, number, head, forge=Watched(), conclusion="success")

    assert counted
    assert min(counted) == 1


@pytest.mark.slow
def test_without_a_parcel_nothing_of_a_strategy_is_told_but_why(stage):
    number, head = stage.propose(strategy())

    outcome = published(stage, number, head)

    assert outcome.verdict == "undecided"
    assert "expected parcel.msgpack" in outcome.checks[0].detail
    assert outcome.metrics == {}


def test_what_the_source_policy_refuses_is_told_without_a_parcel_and_is_no_trial(stage):
    number, head = stage.propose(strategy(code=REACHES))
    reserved(stage, number, head)

    outcome = published(stage, number, head, conclusion="failure")

    checks = stage.checks(head)
    assert outcome.verdict == "rejected"
    assert checks.pop("scope") == "success"
    assert checks.pop("policy") == checks.pop("gate") == "failure"
    assert set(checks.values()) == {"cancelled"}  # never skipped: that would count as green
    assert stage.kinds() == [("reservation", None), ("closed", "policy")]
    assert stage.trials == 0


@pytest.mark.slow
def test_a_finding_is_a_remark_at_its_line(stage):
    number, head = stage.propose(strategy(code=REACHES))

    published(stage, number, head)

    runs = {run.name: run for run in stage.forge("ci").check_runs(head)}
    (remark, *_) = stage.forge("ci").annotations(runs["autarch/policy"].id)
    line = REACHES.splitlines().index("import os") + 1
    assert (remark.path, remark.start_line, remark.level) == ("strategies/a_trend/strategy.py", line, "failure")
    assert "os" in remark.message


@pytest.mark.slow
def test_an_edit_outside_strategies_is_refused_by_the_scope_alone(stage):
    number, head = stage.propose(strategy() | {".github/workflows/gate.yml": b"name: gate\n"})

    outcome = published(stage, number, head)

    assert outcome.verdict == "rejected"
    assert [check.name for check in outcome.checks if check.verdict == "failed"] == ["scope"]
    assert stage.checks(head)["scope"] == "failure"
    assert stage.kinds() == []


@pytest.mark.slow
def test_a_platform_change_is_told_by_its_scope(stage):
    number, head = stage.propose({"docs/new.md": b"words\n"}, branch="agent/tuner/words-1")

    outcome = published(stage, number, head)

    assert outcome.verdict == "accepted"
    assert "no parcel tells of it" in outcome.platform.note
    assert stage.checks(head)["gate"] == "success"


@pytest.mark.slow
def test_the_report_is_a_branch_that_the_platform_draws(stage):
    number, head = stage.propose(strategy(code=REACHES))

    published(stage, number, head)
    published(stage, number, head)

    tip = stage.bare.read_ref(f"refs/heads/autarch-reports/{number}")
    assert b"## Rejected" in stage.bare.blob_at(tip, "README.md")
    assert stage.bare.blob_at(tip, "report.html").startswith(b"<!doctype html>".upper()[:2])
    assert len(stage.bare.commits(tip)) == 2


@pytest.mark.slow
def test_an_agent_writes_neither_ledger_nor_report_nor_check(stage):
    number, head = stage.propose(strategy())
    bench = bench_of(stage, "workflow_run", stage.run_event(number, head), login="tuner")

    with pytest.raises(PushRefusedError, match="role"):
        reserve_run(bench, stage.forge("tuner"), stage.ground.key)
    with pytest.raises(PushRefusedError, match="role"):
        stage.push({"README.md": b"x"}, branch=f"autarch-reports/{number}")
    with pytest.raises(ForgeRefusedError):
        stage.forge("tuner").create_check_run(name="autarch/gate", head_sha=head, conclusion="success")


@pytest.mark.slow
def test_a_fresh_runner_counts_nothing_on_a_ledger_that_was_cut(stage):
    number, head = stage.propose(strategy())
    kept = reserved(stage, number, head)
    merged = f"Merge\n\nLedger-Head: {kept.commit}\n"
    moved = stage.bare.commit_tree(
        stage.bare.tree_of(stage.main), parents=[stage.main], message=merged, author=SOMEBODY
    )
    stage.bare.update_ref("refs/heads/main", moved, old=stage.main)
    cut = stage.bare.read_commit(kept.commit).parents[0]
    stage.bare.update_ref(LEDGER_REF, cut, old=kept.commit)  # by whoever may write the repository's files
    number, head = stage.propose(strategy("b_trend", REACHES), branch="agent/tuner/b_trend-1")

    with pytest.raises(LedgerError, match="was rewritten"):
        reserved(stage, number, head)
    with pytest.raises(LedgerError, match="was rewritten"):
        published(stage, number, head)

    assert stage.bare.read_ref(LEDGER_REF) == cut
    assert stage.checks(head) == {}


def test_where_the_ledger_cannot_be_written_nothing_is_told(stage):
    number, head = stage.propose(strategy(code=REACHES))
    bench = bench_of(stage, "workflow_run", stage.run_event(number, head), login="tuner")

    with RefereeProcess() as referee, pytest.raises(PushRefusedError):
        publish_run(bench, stage.forge("ci"), stage.ground.key, Handed(parcel=nothing(stage), words=""), referee)
    assert stage.checks(head) == {}


@pytest.mark.slow
def test_a_verdict_takes_at_most_twenty_calls(stage):
    number, head = stage.propose(strategy(code=REACHES))
    forge = stage.forge("ci")
    before = forge.calls

    published(stage, number, head)

    assert forge.calls - before <= 20
