"""The trusted half's last job: compute again what decisions tell, append to the ledger, and only then tell.

Repository, head and base come from the event and from main; of the parcel nothing is believed that is not computed
here or found alike by the job beside the hidden bars. No strategy runs where the keys are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autarch.errors import AutarchError, UndecidedError, UsageError
from autarch.forge.client import ForgeClient
from autarch.referee.process import RefereeProcess
from autarch.repo.git import PushRefusedError
from ci import gate
from ci.actions.bench import Bench, subject_of, wanted_of
from ci.actions.events import GateRun, parse_gate_run
from ci.actions.hidden import Answer, parse_answer
from ci.actions.parcel import Parcel, PoisonedError, StaleError, read_file, unwrap
from ci.actions.reserving import desk_of
from ci.actions.restoring import refused, restored, runs_nothing
from ci.actions.telling import store_report, tell
from ci.candidate import Candidate
from ci.concluding import conclude
from ci.context import GateInputs
from ci.outcome import GateOutcome
from ci.platform_changes import PlatformChanges
from ci.publish import Elsewhere, judge_and_record
from ci.publish_hidden import may_ask_lane
from ci.publish_records import Subject
from ci.target import candidate_of_commits


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What other jobs handed on: the folder the artifact was unpacked into, and the hidden bars' words as text."""

    parcel: Path
    words: str


def publish_run(bench: Bench, forge: ForgeClient, key: Path, handed: Handed, refereeing: RefereeProcess) -> GateOutcome:
    """Judge, record and tell the run that the event tells of, and return what was told.

    Killed anywhere, the same job run again finds what is recorded and tells what is missing.

    Raises:
        UsageError: the run is none of ours, or its pull request is gone: nobody is told anything.
        UndecidedError, RefusedError: nothing can be computed or recorded at all.
    """
    run = parse_gate_run(bench.site.event())
    if run.repository != bench.site.repository:
        raise UsageError(f"the event is of {run.repository}, this run of {bench.site.repository}")
    subject = subject_of(bench, run, forge)
    outcome = _decided(bench, forge, key, subject, _Half(run=run, handed=handed, refereeing=refereeing))
    tell(forge, subject, outcome, details_url=bench.site.run_url)
    try:
        store_report(bench.repo, bench.remote, subject, outcome, now_s=bench.clock_ms() // 1000)
    except PushRefusedError as error:
        bench.progress(f"the report has no branch of its own: {error}")
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """What the untrusted half left behind."""

    run: GateRun
    handed: Handed
    refereeing: RefereeProcess


def _decided(bench: Bench, forge: ForgeClient, key: Path, subject: Subject, half: _Half) -> GateOutcome:
    """Return the recorded outcome, or the undecided one that says why there is none."""
    inputs = bench.inputs(subject.base)
    candidate = candidate_of_commits(bench.repo, base=subject.base, head=subject.head)
    try:
        answer = parse_answer(half.handed.words)
        parcel = _parcel(half, subject, candidate, inputs)
        desk = replace(
            desk_of(bench, forge, key),
            elsewhere=Elsewhere(words=answer.words(), platform=_platform(parcel)),
            judge=lambda one, given: _judged(bench, parcel, answer, half, one, given),
        )
        return judge_and_record(desk, subject)
    except (UndecidedError, StaleError) as error:
        bench.progress(f"undecided: {error}")
        return refused(candidate, inputs, error)


def _parcel(half: _Half, subject: Subject, candidate: Candidate, inputs: GateInputs) -> Parcel | None:
    """Return the parcel; None where the verdict needs none and there is none to be believed.

    Raises:
        PoisonedError, StaleError, UndecidedError: the verdict needs one.
    """
    try:
        if half.run.succeeded is not True:
            raise UndecidedError("the run that evaluates did not end well; read its log, then run it again")
        return unwrap(read_file(half.handed.parcel), wanted_of(subject, inputs))
    except AutarchError:
        if runs_nothing(candidate):
            return None
        raise


def _judged(  # noqa: PLR0913, PLR0917  what was handed on, by whom, and the two arguments of a judge
    bench: Bench, parcel: Parcel | None, answer: Answer, half: _Half, candidate: Candidate, inputs: GateInputs
) -> GateOutcome:
    if runs_nothing(candidate):
        return gate.judge(candidate, inputs, progress=bench.progress, clock=bench.clock)
    if parcel is None:
        raise UndecidedError("there is no parcel of this strategy; run the workflow again")
    outcome = conclude(restored(parcel, candidate, inputs, half.refereeing), inputs)
    if answer.decisions == "others":
        raise PoisonedError("another machine decides train otherwise than the parcel says; nothing of it is believed")
    if (outcome.verdict == "accepted" or may_ask_lane(outcome)) and answer.decisions != "confirmed":
        raise UndecidedError(
            "the job beside the hidden bars has not confirmed these decisions; read its log, then run it again"
        )
    return outcome


def _platform(parcel: Parcel | None) -> PlatformChanges:
    if parcel is None or parcel.platform is None:
        return PlatformChanges(note="the change was not tried on the strategies of main: no parcel tells of it")
    return parcel.platform
