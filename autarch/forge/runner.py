"""The forge's own CI: judges every new head, and every open head again when main moves, one at a time.

What is to be done is read from Git, never only remembered: after a crash, every open pull request
without a finished verdict for its present (head, main) is judged again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import AutarchError
from autarch.forge import checks
from autarch.forge.pulls import GateRecord, GateState, PullRecord
from autarch.forge.rules import RuleRefusedError
from autarch.forge.rules_main import read_required
from autarch.forge.statuses import NewStatus
from autarch.forge.talk import Talk
from autarch.forge.wire import DESCRIPTION_LIMIT, GATE_CONTEXT, Account, StatusState

RUNNER = Account(login="forge-runner", role="ci")
STOP_WAIT_S = 30.0
_STATUS: dict[GateState, StatusState] = {
    "queued": "pending",
    "running": "pending",
    "accepted": "success",
    "rejected": "failure",
    "undecided": "error",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateJob:
    """One thing to judge: `head` merged onto `base`."""

    number: int
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """What the gate said, in one word and one sentence."""

    state: Literal["accepted", "rejected", "undecided"]
    sentence: str


class Gate(Protocol):
    """Judges one job; `stop` makes a running one end soon, from another thread."""

    def run(self, job: GateJob, *, log: Path) -> GateAnswer:
        """Judge `job`, publish what is signed, and return the verdict."""

    def stop(self) -> None:
        """End what is running, with all its processes."""


class Runner:
    """A queue and one thread. `refresh` may be called by anyone at any time; it never waits for a run."""

    def __init__(self, talk: Talk, gate: Gate, *, logs: Path) -> None:
        """Judge the pull requests of `talk`'s desk with `gate`, writing logs under `logs`."""
        self._talk = talk
        self._desk = talk.desk
        self._gate = gate
        self._logs = logs
        self._queue: list[int] = []
        self._changed = threading.Condition(threading.RLock())
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="forge-runner", daemon=True)

    def start(self) -> None:
        """Queue all that lacks a verdict and begin."""
        for record in self._desk.pulls.open():
            if record.gate is not None and not self._is_settled(record, record.gate):
                self._desk.pulls.change(
                    record.number,
                    lambda old, _now: msgspec.structs.replace(old, gate=None),
                    why="Judge again after a restart",
                )
        self._desk.on_news = self.refresh
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """End the running gate and the thread; its pull request is judged again at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._gate.stop()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def refresh(self) -> None:
        """Queue every open pull request whose present (head, main, policy) nobody has judged or queued."""
        with self._changed:
            base, policy = self._desk.main(), self._policy()
            for record in self._desk.pulls.open():
                if _speaks_of(record.gate, head=record.head, base=base, policy=policy):
                    continue
                self._note(record, GateRecord(state="queued", head=record.head, base=base, policy=policy))
                if record.number not in self._queue:
                    self._queue.append(record.number)
            self._changed.notify_all()

    # -- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue) or self._stopping)
                if self._stopping:
                    return
                number = self._queue.pop(0)
            try:
                self._judge(number)
            except (AutarchError, OSError):
                _log.exception(
                    "the verdict on pull request %d could not be kept; it is judged at the next start", number
                )

    def _judge(self, number: int) -> None:
        with self._changed:
            record = self._desk.pull(number)
            gate = record.gate
            if record.state != "open" or gate is None or gate.state != "queued":
                return
            gate = msgspec.structs.replace(gate, state="running")
            self._note(record, gate)
        job = GateJob(number=number, head=gate.head, base=gate.base)
        answer = self._run(job)
        with self._changed:
            if not self._stopping:
                self._finish(job, gate, answer)

    def _run(self, job: GateJob) -> GateAnswer:
        log = self._logs / f"{job.number}-{job.head[:12]}-{job.base[:12]}.log"
        try:
            answer = self._gate.run(job, log=log)
            missing = self._missing(job.head, job.base) if answer.state == "accepted" else ()
        except Exception as error:  # noqa: BLE001  whatever went wrong, it is no verdict, and others wait for theirs
            _log.warning("judging pull request %d failed", job.number, exc_info=error)
            return GateAnswer(state="undecided", sentence=str(error) or type(error).__name__)
        if missing:
            sentence = f"the gate accepted, but signed nothing for {', '.join(missing)} on this head; see {log.name}"
            return GateAnswer(state="undecided", sentence=sentence)
        return answer

    def _finish(self, job: GateJob, gate: GateRecord, answer: GateAnswer) -> None:
        record = self._desk.pull(job.number)
        if record.gate == gate:
            self._note(record, msgspec.structs.replace(gate, state=answer.state, sentence=answer.sentence))
        elif record.head != job.head:
            self._status(job.head, "error", f"superseded: the head is {record.head[:12]} now")
        elif record.gate is not None and record.gate.state == "queued":
            # Main moved under the run, whose verdict on the old main is now the newest status: say again what counts.
            self._status(job.head, "pending", f"waits for the gate (on main {record.gate.base[:12]})")

    # -- inside ---------------------------------------------------------------------------------

    def _note(self, record: PullRecord, gate: GateRecord) -> None:
        def change(old: PullRecord, _now: EpochMs) -> PullRecord:
            return msgspec.structs.replace(old, gate=gate) if old.head == gate.head else old

        self._desk.pulls.change(record.number, change, why=f"Gate {gate.state} on {gate.head[:12]} {gate.base[:12]}")
        said = gate.sentence or {"queued": "waits for the gate", "running": "the gate runs"}.get(gate.state, gate.state)
        self._status(gate.head, _STATUS[gate.state], f"{said} (on main {gate.base[:12]})")

    def _status(self, sha: str, state: StatusState, description: str) -> None:
        newest = next((s for s in self._talk.statuses.of(sha) if s.context == GATE_CONTEXT), None)
        if newest is not None and newest.state == state and state in {"success", "failure"}:
            return  # the gate has told its verdict itself, in more words
        line = " ".join(description.split())
        cut = line if len(line) <= DESCRIPTION_LIMIT else f"{line[: DESCRIPTION_LIMIT - 1]}\u2026"
        try:
            self._talk.set_status(RUNNER, sha, NewStatus(context=GATE_CONTEXT, state=state, description=cut))
        except AutarchError as error:
            _log.warning("no status on %s: %s", sha, error)

    def _is_settled(self, record: PullRecord, gate: GateRecord) -> bool:
        if gate.state == "accepted":
            return not self._missing(gate.head, gate.base)
        return gate.state == "rejected" and gate.head == record.head

    def _missing(self, head: str, base: str) -> tuple[str, ...]:
        """Return the required checks without a record; which kind of change it is decides the list."""
        stored = self._desk.repo.refs(f"{checks.PREFIX}{head}/{base}/")
        names = {ref.rpartition("/")[2] for ref in stored}
        try:
            required = read_required(self._desk.book(RUNNER), base)
        except RuleRefusedError as refusal:
            return (refusal.why,)
        lacking = [tuple(name for name in required.of(kind) if name not in names) for kind in ("strategy", "platform")]
        return min(lacking, key=len)

    def _policy(self) -> str:
        try:
            return read_required(self._desk.book(RUNNER), self._desk.main()).digest
        except RuleRefusedError:
            return ""


def _speaks_of(gate: GateRecord | None, *, head: str, base: str, policy: str) -> bool:
    return gate is not None and (gate.head, gate.base, gate.policy) == (head, base, policy)
