"""CI's flow against a real forge: counted before judged, recorded before told."""

from __future__ import annotations

import dataclasses

import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.errors import DataError, UndecidedError, UsageError
from autarch.evidence.attestation import load_evidence, read_attestation
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerError
from autarch.repo.signers import trust_at
from ci.inputs import Choice
from ci.publish import publish_gate

from .conftest import SOME_CHECKS, SOMEBODY, strategy


def test_an_accepted_strategy_is_counted_judged_recorded_and_told(bench):
    number, head = bench.propose(strategy(), message="Propose\n\nAgent: tuner\nTrials: 40\nSeed: 7\n")

    outcome = publish_gate(bench.desk, number)

    reserved, answer = bench.ledger()
    assert bench.kinds() == [("reservation", None), ("result", "accepted")]
    found = reserved.entry
    assert (found.pr, found.head, found.base, found.epoch) == (number, head, bench.main, "1")
    assert found.inner.count == 40
    assert answer.entry.evidence == outcome.evidence
    given = bench.gate.asked[0][1]
    assert (given.ledger, given.trials) == (reserved.commit, 41)  # the proposal and the 40 behind it
    assert sorted(bench.records(head)) == sorted(SOME_CHECKS)
    assert {record.evidence for record in bench.records(head).values()} == {outcome.evidence}
    stored = load_evidence(bench.bare, outcome.evidence)
    assert stored.claim.ledger == reserved.commit
    trust = trust_at(bench.bare, bench.main, "ci")
    assert read_attestation(stored.record, evidence=outcome.evidence, trust=trust).signer == "ci@autarch"
    assert bench.state(head) == bench.state(head, "autarch/backtest") == "success"
    assert len([c for c in bench.agent.comments(number) if outcome.evidence[:12] in c.body]) == 1


def test_the_reservation_is_on_the_forge_before_the_gate_is_asked(bench):
    number, _ = bench.propose(strategy())
    seen = []

    def judge(candidate, inputs):
        seen.append(bench.kinds())
        return bench.gate(candidate, inputs)

    publish_gate(dataclasses.replace(bench.desk, judge=judge), number)

    assert seen == [[("reservation", None)]]


def test_a_rejected_score_counts_and_is_published(bench):
    bench.gate.failing = "backtest"
    number, head = bench.propose(strategy())

    outcome = publish_gate(bench.desk, number)

    assert outcome.verdict == "rejected"
    assert bench.kinds() == [("reservation", None), ("result", "rejected")]
    assert bench.records(head)["backtest"].verdict == "failed"
    assert bench.state(head) == "failure"


@pytest.mark.parametrize("check", ["policy", "determinism", "causality"])
def test_what_is_stopped_before_any_score_does_not_count(bench, check):
    bench.gate.failing = check
    number, head = bench.propose(strategy())

    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("closed", check)]
    assert Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials() == 0
    assert bench.records(head)["backtest"].verdict == "skipped"


def test_the_third_causality_failure_of_a_pull_request_counts(bench):
    bench.gate.failing = "causality"
    number, head = bench.propose(strategy())
    for attempt in range(3):
        if attempt:
            tree = bench.desk.repo.with_files(bench.desk.repo.tree_of(head), strategy(code=b"x = %d\n" % attempt))
            head = bench.desk.repo.commit_tree(tree, parents=[head], message="Again\n", author=SOMEBODY)
            bench.desk.repo.push(bench.agent.git_remote(), {"refs/heads/agent/tuner/abc-1": head})
        publish_gate(bench.desk, number)

    answers = [kind for kind in bench.kinds() if kind[0] != "reservation"]
    assert answers == [("closed", "causality"), ("closed", "causality"), ("result", "rejected")]


def test_a_platform_change_is_judged_without_being_counted(bench):
    number, head = bench.propose({"README.md": b"x\n"})

    publish_gate(bench.desk, number)

    assert bench.kinds() == []
    assert {name: record.kind for name, record in bench.records(head).items()} == {"scope": "platform"}


def test_a_mixed_change_gets_a_verdict_and_no_record(bench):
    number, head = bench.propose(strategy() | {"README.md": b"x\n"})

    assert publish_gate(bench.desk, number).verdict == "rejected"
    assert (bench.kinds(), bench.records(head), bench.state(head)) == ([], {}, "failure")


def test_a_second_run_that_finds_something_else_is_undecided_and_changes_nothing(bench):
    number, head = bench.propose(strategy())
    publish_gate(bench.desk, number)
    before = bench.records(head)
    bench.gate.failing = "backtest"

    with pytest.raises(LedgerError, match="not reproducible"):
        publish_gate(bench.desk, number)

    assert bench.records(head) == before
    assert bench.state(head) == "error"


def test_a_record_that_says_something_else_is_never_overwritten(bench):
    number, head = bench.propose({"README.md": b"x\n"})
    publish_gate(bench.desk, number)
    bench.gate.failing = "scope"

    with pytest.raises(UndecidedError, match="says something else"):
        publish_gate(bench.desk, number)
    assert bench.records(head)["scope"].verdict == "passed"


def test_an_undecided_verdict_leaves_no_record_in_the_way_of_the_next_run(bench):
    bench.gate.undecided = "backtest"
    number, head = bench.propose(strategy())

    assert publish_gate(bench.desk, number).verdict == "undecided"
    assert bench.records(head) == {}
    assert bench.state(head) == "error"
    bench.gate.undecided = None
    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("result", "undecided"), ("result", "accepted")]
    assert bench.state(head) == "success"


def test_an_error_is_told_on_the_head(bench):
    bench.gate.killed_by = UndecidedError("no confinement here")
    number, head = bench.propose(strategy())

    with pytest.raises(UndecidedError, match="no confinement"):
        publish_gate(bench.desk, number)
    assert bench.state(head) == "error"


def test_a_moved_main_asks_for_a_judgement_of_its_own(bench):
    number, head = bench.propose(strategy())
    publish_gate(bench.desk, number)
    moved = bench.move_main({"README.md": b"moved\n"})

    publish_gate(bench.desk, number)

    assert [entry.entry.base == moved for entry in bench.ledger()] == [False, False, True, True]
    assert {record.base for record in bench.records(head).values()} == {moved}


def test_only_mains_code_judges(bench):
    bench.move_main({"ci/gate.py": b"raise SystemExit\n"})
    number, _ = bench.propose(strategy())

    with pytest.raises(UndecidedError, match="only main's code judges"):
        publish_gate(bench.desk, number)
    assert bench.kinds() == []


def test_a_closed_pull_request_or_a_data_set_that_does_not_count_is_not_judged(bench):
    number, _ = bench.propose(strategy())
    elsewhere = dataclasses.replace(bench.desk, choice=Choice(stores=bench.desk.choice.stores, dataset="nothing"))

    with pytest.raises(DataError, match="nothing"):
        publish_gate(elsewhere, number)
    bench.agent.close_pull(number)
    with pytest.raises(UsageError, match="is closed"):
        publish_gate(bench.desk, number)
    assert bench.kinds() == []


def test_the_study_behind_a_proposal_is_in_the_ledger(bench):
    packed = canonical_json({"schema": 1, "trials": [{"sharpe": 1.0}, {"sharpe": 2.0}, {"sharpe": None}]})
    digest = sha256_hex(packed)
    blob = bench.desk.repo.write_blob(packed)
    message = f"Propose\n\nTrials: 2\nStudy: {digest}\n"
    number, _ = bench.propose(strategy(), message=message, study={f"refs/autarch/studies/{digest}": blob})

    publish_gate(bench.desk, number)

    inner = bench.ledger()[0].entry.inner
    assert (inner.count, inner.sharpe_variance, inner.sidecar) == (3, 0.5, digest)  # ((1-1.5)^2 + (2-1.5)^2) / 1
