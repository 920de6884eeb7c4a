"""Gate one pull request for everybody to see: count, judge, record, publish, in this order.

The reservation is durable on the forge before anything is computed; the answer is durable before
anybody can read a verdict. Killed anywhere, the same command run again finds its reservation, judges
again to the same bytes, and publishes what is missing; until then the reservation counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from autarch.errors import AutarchError, UndecidedError, UsageError
from autarch.evidence.attestation import evidence_ref
from autarch.evidence.ledger import Ledger, ledger_at
from autarch.evidence.ledger_count import causality_failures
from autarch.evidence.ledger_entry import InnerTrials, Sealed
from autarch.forge.client import ForgeClient
from autarch.forge.wire import GATE_CONTEXT, StatusState
from autarch.market import DatasetLock
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo, Remote
from autarch.repo.mainline import fetch_main
from autarch.verdict import CheckVerdict, GateVerdict
from ci import gate
from ci.candidate import Candidate
from ci.context import Clock, GateInputs, Progress
from ci.counting import Counted, counted_at
from ci.inputs import Choice, counted_in, inputs_at_commit
from ci.outcome import GateOutcome
from ci.platform_changes import PlatformChanges
from ci.platform_run import Trial, platform_changes
from ci.publish_hidden import HiddenDesk, Words, in_lane, looked_at
from ci.publish_records import Press, Subject, answer_to, publish_records, reservation
from ci.publish_study import STUDY_REF, cutoff_ms, inner_trials
from ci.report import markdown
from ci.report_text import summary
from ci.target import candidate_of_commits
from ci.workers import Workers

COMMITS_MAX = 500
"""Commits of one proposal whose trailers are read."""

Judge = Callable[[Candidate, GateInputs], GateOutcome]

_STATE: dict[GateVerdict, StatusState] = {"accepted": "success", "rejected": "failure", "undecided": "error"}
_CHECK_STATE: dict[CheckVerdict, StatusState] = {
    "passed": "success",
    "waived": "success",
    "failed": "failure",
    "undecided": "error",
    "skipped": "error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What other machines found, where no strategy and no proposal's code may run beside the key."""

    words: Words
    platform: PlatformChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDesk:
    """Where CI works: its clone, the forge by git and by HTTP, its key, and what it judges with.

    Policy and data set lock are read from main. `clock_ms` is epoch ms, `clock` monotonic seconds. `workers`
    are warm ones to ask; without them the gate starts its own. `sleep` waits so many seconds. `elsewhere`: hidden
    bars and a platform's trial are on other machines, and this is what they said.
    """

    repo: GitRepo
    remote: Remote
    forge: ForgeClient
    key: Path
    choice: Choice
    clock_ms: Callable[[], int]
    clock: Clock
    progress: Progress
    judge: Judge | None = None
    workers: Workers | None = None
    elsewhere: Elsewhere | None = None
    sleep: Callable[[float], None] = time.sleep


def publish_gate(desk: GateDesk, number: int) -> GateOutcome:
    """Judge pull request `number` on main as it is now, record and publish the verdict, and return it.

    Raises:
        UsageError: there is no such open pull request.
        UndecidedError: this process does not run main's code, or the verdict cannot be computed
            or recorded; the head's status then says so.
        RefusedError: the ledger does not verify, or the forge refuses what CI writes.
    """
    subject = _fetch(desk, number)
    desk.forge.set_status(subject.head, context=GATE_CONTEXT, state="pending", description="the gate is judging")
    try:
        outcome = judge_and_record(desk, subject)
    except AutarchError as error:
        with suppress(AutarchError):  # the first error is the one to tell
            desk.forge.set_status(subject.head, context=GATE_CONTEXT, state="error", description=str(error))
        raise
    _tell(desk, subject, outcome)
    return outcome


def _fetch(desk: GateDesk, number: int) -> Subject:
    pull = desk.forge.pull(number)
    if pull.state != "open":
        raise UsageError(f"pull request {number} is {'merged' if pull.merged else 'closed'}; only open ones are judged")
    base = fetch_main(desk.repo, desk.remote)
    ref = f"refs/pull/{number}/head"
    head = desk.repo.ls_remote(desk.remote, ref).get(ref)
    if head is None:
        raise UndecidedError(f"the forge has no {ref}, so the head of pull request {number} cannot be fetched")
    desk.repo.fetch(desk.remote, [head])
    return Subject(number=number, head=head, base=base)


def judge_and_record(desk: GateDesk, subject: Subject) -> GateOutcome:
    """Count, judge, ask hidden bars, answer and sign, in this order; nobody is told yet.

    Raises:
        UndecidedError, RefusedError: as `publish_gate`.
    """
    inputs = _inputs(desk, subject.base)
    candidate = candidate_of_commits(desk.repo, base=subject.base, head=subject.head)
    ledger = ledger_at(desk.repo, subject.base, remote=desk.remote)
    reserved = reserve(desk, subject, candidate, inputs.lock, ledger)
    head = ledger.sync() if reserved is None else reserved.commit
    counted = counted_at(ledger, head)
    inputs = counted_in(inputs, counted, tree=candidate.tree, base=subject.base)
    outcome = desk.judge(candidate, inputs) if desk.judge is not None else _judge(desk, candidate, inputs)
    if reserved is not None:
        hidden = _hidden_desk(desk, ledger)
        outcome = looked_at(hidden, reserved, in_lane(hidden, reserved, outcome, inputs), inputs)
        failures = causality_failures(ledger.entries(reserved.commit), pr=subject.number, slug=reserved.entry.slug)
        answer = answer_to(reserved, outcome, causality_failures=failures, now_ms=desk.clock_ms())
        ledger.answer(reserved, answer, key=desk.key)
    if outcome.whole_platform:
        told = None if desk.elsewhere is None else desk.elsewhere.platform
        outcome = replace(outcome, platform=told or platform_changes(_trial(desk, subject, inputs, counted)))
    press = Press(repo=desk.repo, remote=desk.remote, key=desk.key)
    publish_records(press, subject, outcome, now_ms=desk.clock_ms())
    return outcome


def _trial(desk: GateDesk, subject: Subject, inputs: GateInputs, counted: Counted) -> Trial:
    def bring(evidence: str) -> None:
        ref = evidence_ref(evidence)
        if desk.repo.read_ref(ref) is None:
            desk.repo.fetch(desk.remote, [f"{ref}:{ref}"])

    return Trial(
        repo=desk.repo,
        base=subject.base,
        head=subject.head,
        inputs=inputs,
        entries=counted.entries,
        progress=desk.progress,
        clock=desk.clock,
        bring=bring,
        workers=desk.workers,
    )


def _judge(desk: GateDesk, candidate: Candidate, inputs: GateInputs) -> GateOutcome:
    return gate.judge(candidate, inputs, progress=desk.progress, clock=desk.clock, workers=desk.workers)


def _hidden_desk(desk: GateDesk, ledger: Ledger) -> HiddenDesk:
    return HiddenDesk(
        ledger=ledger,
        key=desk.key,
        clock=desk.clock,
        clock_ms=desk.clock_ms,
        sleep=desk.sleep,
        progress=desk.progress,
        workers=desk.workers,
        words=None if desk.elsewhere is None else desk.elsewhere.words,
    )


def _inputs(desk: GateDesk, base: str) -> GateInputs:
    inputs = inputs_at_commit(desk.repo, base, desk.choice)
    if inputs.engine != engine_digest_at(desk.repo, base):
        raise UndecidedError(
            f"this process runs engine {inputs.engine[:12]}, main at {base[:12]} is another; only main's code judges: "
            "run the gate from the forge, or update this clone to main"
        )
    counting = inputs.policy.data.datasets
    if inputs.lock.name not in counting:
        raise UsageError(
            f"data set {inputs.lock.name!r} does not count under {inputs.policy.path}; these do: {', '.join(counting)}"
        )
    return inputs


def reserve(desk: GateDesk, subject: Subject, candidate: Candidate, lock: DatasetLock, ledger: Ledger) -> Sealed | None:
    """Return the reservation of this judgement; None for a proposal that no check can score."""
    if candidate.source is None:
        return None
    trailers = _trailers(desk, subject)
    wanted = reservation(
        subject,
        candidate,
        lock=lock,
        inner=_inner(desk, trailers),
        now_ms=desk.clock_ms(),
        cutoff_ms=cutoff_ms(trailers),
    )
    return ledger.reserve(wanted, key=desk.key)


def _trailers(desk: GateDesk, subject: Subject) -> list[Mapping[str, str]]:
    """Return the trailers of the proposal's commits, newest first."""
    commits = desk.repo.commits(subject.head, exclude=subject.base)[:COMMITS_MAX]
    return [desk.repo.read_commit(oid).trailers for oid in commits]


def _inner(desk: GateDesk, trailers: Sequence[Mapping[str, str]]) -> InnerTrials | None:
    def read_study(digest: str) -> bytes | None:
        ref = f"{STUDY_REF}{digest}"
        oid = desk.repo.ls_remote(desk.remote, ref).get(ref)
        if oid is None:
            return None
        desk.repo.fetch(desk.remote, [oid])
        return desk.repo.cat_blob(oid) if desk.repo.kind_of(oid) == "blob" else None

    return inner_trials(trailers, read_study)


def _tell(desk: GateDesk, subject: Subject, outcome: GateOutcome) -> None:
    for check in outcome.checks:
        state = _CHECK_STATE[check.verdict]
        desk.forge.set_status(
            subject.head, context=f"autarch/{check.name}", state=state, description=f"{check.verdict}: {check.detail}"
        )
    desk.forge.set_report(subject.number, markdown(outcome, desk.repo.read_commit(subject.head).trailers))
    # Last, because whoever waits for the verdict waits for this one.
    desk.forge.set_status(
        subject.head, context=GATE_CONTEXT, state=_STATE[outcome.verdict], description=summary(outcome)
    )
