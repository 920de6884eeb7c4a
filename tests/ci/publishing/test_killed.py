"""A judgement that is killed, begun again or rewritten under: every head that could be seen counts once."""

from __future__ import annotations

import pytest

from autarch.evidence.ledger import Ledger
from autarch.repo.signers import trust_at
from ci import publish
from ci.publish import publish_gate

from .conftest import SOME_CHECKS, SOMEBODY, strategy


def test_a_killed_run_counts_and_the_next_one_resumes_its_reservation(bench):
    bench.gate.killed_by = KeyboardInterrupt()
    number, _ = bench.propose(strategy())
    with pytest.raises(KeyboardInterrupt):
        publish_gate(bench.desk, number)
    assert Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials() == 1

    bench.gate.killed_by = None
    publish_gate(bench.desk, number)

    assert bench.kinds() == [("reservation", None), ("result", "accepted")]


KILLED_AT = {
    "candidate_of_commits": 0,
    "counted_at": 1,
    "answer_to": 1,
    "publish_records": 1,
    "_tell": 1,
}
"""Steps of a judgement, and how many heads' scores could have been seen when it is killed there."""


@pytest.mark.slow
def test_killed_rewritten_and_deleted_at_any_step_every_head_that_could_be_seen_counts_once(bench, monkeypatch):
    def killed(*_args, **_more):
        raise KeyboardInterrupt

    def trials():
        return Ledger(bench.bare, trust=trust_at(bench.bare, bench.main, "ci")).trials()

    seen = 0
    for place, (step, visible) in enumerate(KILLED_AT.items()):
        branch = f"refs/heads/agent/tuner/abc_{place}-1"
        number, first = bench.propose(strategy(f"abc_{place}"), branch=branch.removeprefix("refs/heads/"))
        with monkeypatch.context() as patch:
            patch.setattr(publish, step, killed)
            with pytest.raises(KeyboardInterrupt):
                publish_gate(bench.desk, number)
        assert trials() == seen + visible, step

        repo = bench.desk.repo
        tree = repo.with_files(repo.tree_of(first), strategy(f"abc_{place}", code=b"x = 2\n"))
        other = repo.commit_tree(tree, parents=[bench.main], message="Rewrite\n", author=SOMEBODY)
        repo.push(bench.agent.git_remote(), {branch: other}, leases={branch: first})
        publish_gate(bench.desk, number)
        assert trials() == seen + visible + 1, step

        repo.push(bench.agent.git_remote(), {branch: first}, leases={branch: other})
        publish_gate(bench.desk, number)  # the first head again: it resumes its reservation where it has one
        seen += 2
        assert trials() == seen, step

        repo.push(bench.agent.git_remote(), {branch: None}, leases={branch: first})
        assert trials() == seen, step


def test_a_run_killed_after_its_answer_publishes_what_is_missing(bench, monkeypatch):
    number, head = bench.propose(strategy())
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish_records", lambda *_args, **_more: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_gate(bench.desk, number)
    assert bench.records(head) == {}

    first = publish_gate(bench.desk, number)
    again = publish_gate(bench.desk, number)

    assert first.evidence == again.evidence
    assert bench.kinds() == [("reservation", None), ("result", "accepted")]
    assert sorted(bench.records(head)) == sorted(SOME_CHECKS)
    assert len([c for c in bench.agent.comments(number) if "Accepted" in c.body]) == 1
