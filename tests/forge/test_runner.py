"""The forge's own CI, with a gate that answers when the test says so."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarch.forge.runner import GateAnswer, GateJob
from autarch.forge.wire import GATE_CONTEXT

from .conftest import Keys, Yard, make_yard

WAIT_S = 120.0


class ScriptedGate:
    """Tells which job it was given, then waits for its answer."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[GateJob] = queue.Queue()
        self.answers: queue.Queue[GateAnswer | Exception] = queue.Queue()
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def run(self, job: GateJob, *, log: Path) -> GateAnswer:
        assert log.suffix == ".log"
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.jobs.put(job)
        try:
            answer = self.answers.get(timeout=WAIT_S)
        finally:
            with self._lock:
                self.running -= 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self.stopped.set()
        self.answers.put(GateAnswer(state="undecided", sentence="stopped"))


@pytest.fixture
def gate() -> ScriptedGate:
    return ScriptedGate()


@pytest.fixture
def judged(tmp_path, project, keys: Keys, gate: ScriptedGate) -> Iterator[Yard]:
    with make_yard(tmp_path, project, keys, lambda _office: gate) as made:
        yield made


ACCEPTED = GateAnswer(state="accepted", sentence="accepted: 2 checks")
REJECTED = GateAnswer(state="rejected", sentence="rejected: 1 of 2 checks failed (backtest). Trade less.")


def job(gate: ScriptedGate) -> GateJob:
    return gate.jobs.get(timeout=WAIT_S)


def settle(yard: Yard, number: int, *states: str) -> str:
    """Return the gate's state once it is one of `states`; every change wakes the store's readers."""
    done = threading.Event()
    for _ in range(2000):
        gate = yard.client("human").pull(number).gate
        if gate is not None and gate.state in states:
            return gate.state
        done.wait(0.01)
    pytest.fail(f"the gate of {number} never became {states}")


def status(yard: Yard, head: str) -> tuple[str, str]:
    found = [s for s in yard.client("human").combined_status(head).statuses if s.context == GATE_CONTEXT]
    return (found[0].state, found[0].description) if found else ("none", "")


def test_a_new_head_is_pending_at_once_and_takes_the_gates_word(judged: Yard, gate: ScriptedGate) -> None:
    head = judged.strategy()
    pull = judged.propose(head)
    first = status(judged, head)[0]
    given = job(gate)

    judged.approve_checks(head)
    gate.answers.put(ACCEPTED)

    assert first == "pending"
    assert given == GateJob(number=pull.number, head=head, base=judged.main)
    assert settle(judged, pull.number, "accepted") == "accepted"
    assert status(judged, head)[0] == "success"
    assert judged.client("human").pull(pull.number).mergeable is True


def test_a_rejection_is_shown_with_its_sentence(judged: Yard, gate: ScriptedGate) -> None:
    head = judged.strategy()
    pull = judged.propose(head)
    job(gate)
    gate.answers.put(REJECTED)

    settle(judged, pull.number, "rejected")

    state, said = status(judged, head)
    assert state == "failure"
    assert said.startswith("rejected: 1 of 2 checks failed (backtest). Trade less.")


def test_an_acceptance_without_signed_checks_is_no_acceptance(judged: Yard, gate: ScriptedGate) -> None:
    head = judged.strategy()
    pull = judged.propose(head)
    job(gate)
    gate.answers.put(ACCEPTED)

    settle(judged, pull.number, "undecided")

    assert status(judged, head)[0] == "error"
    assert "signed nothing for" in judged.client("human").pull(pull.number).gate.sentence


@pytest.mark.parametrize("fault", [RuntimeError("the worker died"), OSError("no space left")])
def test_a_gate_that_breaks_is_undecided_and_the_next_one_still_runs(
    judged: Yard, gate: ScriptedGate, fault: Exception
) -> None:
    head = judged.strategy()
    pull = judged.propose(head)
    other = judged.propose(judged.strategy("other_slug"), branch="agent/tuner/other_slug-1")
    job(gate)
    gate.answers.put(fault)
    settle(judged, pull.number, "undecided")
    assert job(gate).number == other.number
    gate.answers.put(REJECTED)

    assert settle(judged, other.number, "rejected") == "rejected"
    assert str(fault) in status(judged, head)[1]


def test_two_proposals_at_once_are_judged_one_after_the_other(judged: Yard, gate: ScriptedGate) -> None:
    heads = {slug: judged.strategy(slug) for slug in ("one_slug", "two_slug")}
    said: list[tuple[int, str]] = []

    def push(slug: str) -> None:
        said.append(judged.push("agent", f"{heads[slug]}:refs/heads/agent/tuner/{slug}-1"))

    threads = [threading.Thread(target=push, args=(slug,)) for slug in heads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pulls = [judged.client("agent").create_pull(head=f"agent/tuner/{s}-1", title=s, body="") for s in heads]
    for _ in heads:
        job(gate)
        gate.answers.put(REJECTED)
    for pull in pulls:
        settle(judged, pull.number, "rejected")

    assert [code for code, _ in said] == [0, 0]
    assert gate.most == 1


def test_a_verdict_on_an_old_head_is_never_shown_for_the_new_one(judged: Yard, gate: ScriptedGate) -> None:
    first = judged.strategy()
    pull = judged.propose(first)
    job(gate)
    second = judged.strategy(code=b'"""Second."""\n')
    judged.push("agent", f"{second}:refs/heads/agent/tuner/ema_trend-1", "--force")

    gate.answers.put(REJECTED)
    again = job(gate)

    shown = judged.client("human").pull(pull.number)
    assert again.head == second
    assert shown.gate.state == "running"
    assert shown.gate.head == second
    assert status(judged, second)[0] == "pending"
    assert "superseded" in status(judged, first)[1]
    gate.answers.put(REJECTED)
    settle(judged, pull.number, "rejected")


def test_when_main_moves_every_open_proposal_is_judged_again(judged: Yard, gate: ScriptedGate) -> None:
    head = judged.strategy()
    other = judged.strategy("other_slug")
    pull = judged.propose(head)
    waiting = judged.propose(other, branch="agent/tuner/other_slug-1")
    old = job(gate).base
    judged.approve_checks(head)
    gate.answers.put(ACCEPTED)
    job(gate)
    judged.approve_checks(other, slug="other_slug")
    gate.answers.put(ACCEPTED)
    settle(judged, pull.number, "accepted")
    settle(judged, waiting.number, "accepted")
    judged.client("agent").close_pull(waiting.number)
    judged.client("human").merge_pull(pull.number, sha=head)

    reopened = judged.client("human")._json("PATCH", f"/pulls/{waiting.number}", {"state": "open"})
    given = job(gate)

    assert reopened["state"] == "open"
    assert (given.number, given.head) == (waiting.number, other)
    assert given.base == judged.main != old
    assert status(judged, other)[0] == "pending"
    assert judged.client("human").pull(waiting.number).mergeable is False
    gate.answers.put(REJECTED)
    settle(judged, waiting.number, "rejected")


def test_a_verdict_on_an_old_main_does_not_stand_for_the_new_one(judged: Yard, gate: ScriptedGate) -> None:
    head = judged.strategy()
    slow = judged.strategy("slow_slug")
    pull = judged.propose(head)
    waiting = judged.propose(slow, branch="agent/tuner/slow_slug-1")
    job(gate)
    judged.approve_checks(head)
    gate.answers.put(ACCEPTED)
    settle(judged, pull.number, "accepted")
    judging = job(gate)
    judged.client("human").merge_pull(pull.number, sha=head)
    # The gate itself tells its verdict on the old main, as it does when it publishes.
    judged.client("ci").set_status(slow, context=GATE_CONTEXT, state="success", description="accepted on the old main")

    gate.answers.put(ACCEPTED)
    again = job(gate)

    assert (judging.number, again.number) == (waiting.number, waiting.number)
    assert again.base == judged.main != judging.base
    assert status(judged, slow)[0] == "pending"
    gate.answers.put(REJECTED)
    settle(judged, waiting.number, "rejected")


def test_after_a_crash_what_lacks_a_verdict_is_judged_again_and_the_rest_is_not(
    tmp_path, project, keys: Keys, gate: ScriptedGate
) -> None:
    from autarch.forge.serve import serving

    with make_yard(tmp_path, project, keys, lambda _office: gate) as first:
        done = first.propose(first.strategy())
        cut = first.propose(first.strategy("cut_short"), branch="agent/tuner/cut_short-1")
        job(gate)
        gate.answers.put(REJECTED)
        settle(first, done.number, "rejected")
        assert job(gate).number == cut.number
        # The forge ends here, in the middle of the second run.
    second = ScriptedGate()
    with serving(first.state, make_gate=lambda _office: second) as running:
        given = job(second)
        second.answers.put(REJECTED)
        running.runner.stop()

    assert gate.stopped.is_set()
    assert given.number == cut.number
    assert second.jobs.empty()


def test_an_undecided_run_is_repeated_when_a_human_asks(judged: Yard, gate: ScriptedGate) -> None:
    pull = judged.propose(judged.strategy())
    job(gate)
    gate.answers.put(GateAnswer(state="undecided", sentence="no data"))
    settle(judged, pull.number, "undecided")

    judged.client("human").rerun_gate(pull.number)

    assert job(gate).number == pull.number
    gate.answers.put(REJECTED)
    settle(judged, pull.number, "rejected")
