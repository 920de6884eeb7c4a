"""What CI writes about an outcome: the ledger's answer, check records, the attestation. Signed, in Git."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autarch.errors import UndecidedError
from autarch.evidence.attestation import Attestation, Machine, evidence_ref, sign_attestation, store_evidence
from autarch.evidence.ledger_count import CAUSALITY_FREE, STOPPING_CHECKS
from autarch.evidence.ledger_entry import SCHEMA, InnerTrials, LedgerEntry, Sealed
from autarch.evidence.returns import DailyReturns, returns_text
from autarch.forge.checks import CheckRecord, check_ref, sign_check
from autarch.market import DatasetLock
from autarch.repo.git import GitRepo, Remote
from autarch.repo.signing import CI_PRINCIPAL
from autarch.stats.sharpe import sharpe_sample
from autarch.verdict import CheckResult
from ci.candidate import Candidate
from ci.outcome import GateOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which judgement this is: a pull request's head, merged onto main as it stood."""

    number: int
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Where records are made and pushed to, and the key that signs them."""

    repo: GitRepo
    remote: Remote
    key: Path


def reservation(  # noqa: PLR0913  all but two are named at the call
    subject: Subject,
    candidate: Candidate,
    *,
    lock: DatasetLock,
    inner: InnerTrials | None,
    now_ms: int,
    cutoff_ms: int | None = None,
) -> LedgerEntry:
    """Return the entry that counts this judgement before it has a score; its place is the ledger's to fill."""
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="reservation",
        recorded_ms=now_ms,
        pr=subject.number,
        head=subject.head,
        base=subject.base,
        slug=candidate.slug,
        tree=candidate.tree,
        dataset=lock.ref,
        epoch=str(lock.epoch.number),
        inner=inner,
        cutoff_ms=cutoff_ms,
    )


def answer_to(reserved: Sealed, outcome: GateOutcome, *, causality_failures: int, now_ms: int) -> LedgerEntry:
    """Return the entry that answers a reservation: a closing when nothing was scored, else a result.

    Args:
        reserved: What is answered.
        outcome: The verdict.
        causality_failures: As `autarch.evidence.ledger_count.causality_failures` counts them.
        now_ms: The writer's clock.
    """
    stopped = stopped_by(outcome)
    if stopped == "causality" and causality_failures >= CAUSALITY_FREE:
        stopped = None
    before = reserved.entry
    scored = None if stopped is not None or outcome.searched is None else outcome.searched.own
    if scored is not None and _sharpe(scored) is None:
        scored = None  # returns without spread have no ratio
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="closed" if stopped is not None else "result",
        recorded_ms=now_ms,
        pr=before.pr,
        head=before.head,
        base=before.base,
        slug=before.slug,
        tree=before.tree,
        decisions=None if outcome.decisions is None or stopped is not None else outcome.decisions.digest(),
        dataset=before.dataset,
        epoch=before.epoch,
        evidence=outcome.evidence,
        verdict=None if stopped is not None else outcome.verdict,
        returns=None if scored is None else returns_text(scored),
        sharpe=None if scored is None else _sharpe(scored),
        stopped=stopped,
        reservation=reserved.digest,
    )


def _sharpe(returns: DailyReturns) -> float | None:
    """Return the Sharpe ratio a day, None where the returns have none."""
    try:
        return sharpe_sample(returns.values).ratio
    except (UndecidedError, ValueError):
        return None


def stopped_by(outcome: GateOutcome) -> str | None:
    """Return the check that stopped a candidate before any score existed, or None."""
    if outcome.metrics or outcome.backtest is not None or outcome.verdict != "rejected":
        return None
    failed = [check.name for check in outcome.checks if check.verdict == "failed"]
    return next((name for name in STOPPING_CHECKS if name in failed), None)


def check_records(subject: Subject, outcome: GateOutcome) -> tuple[CheckRecord, ...]:
    """Return the records of a decided verdict; none for an undecided one, which another run may decide.

    A record is written once and for all, so one that says "could not compute" would stand in the way.
    """
    candidate = outcome.candidate
    if outcome.verdict == "undecided" or candidate.kind not in {"strategy", "platform"}:
        return ()
    kind: Literal["strategy", "platform"] = "strategy" if candidate.kind == "strategy" else "platform"
    return tuple(_record(subject, outcome, check, kind) for check in outcome.checks)


def publish_records(press: Press, subject: Subject, outcome: GateOutcome, *, now_ms: int) -> None:
    """Push evidence and check records, all or none; what is there already and equal is left as it is.

    Raises:
        UndecidedError: a record of this judgement says something else: two runs disagree.
        PushRefusedError: the forge's rules refuse a record.
    """
    pattern = check_ref(head=subject.head, base=subject.base, name="*")
    evidence = [] if outcome.evidence is None else [evidence_ref(outcome.evidence)]
    there = press.repo.ls_remote(press.remote, pattern, *evidence)
    moves: dict[str, str | None] = {}
    for record in check_records(subject, outcome):
        blob = press.repo.write_blob(sign_check(record, key=press.key))
        if there.get(record.ref, blob) != blob:
            raise UndecidedError(
                f"{record.ref} says something else than this run; the judgement is not reproducible here. "
                "Compare with `autarch verify`, then push a new head"
            )
        if record.ref not in there:
            moves[record.ref] = blob
    if outcome.claim is not None and evidence[0] not in there:
        record_bytes = sign_attestation(attestation(outcome, now_ms=now_ms), key=press.key)
        moves[evidence[0]] = store_evidence(press.repo, outcome.claim, record_bytes)
    if moves:
        press.repo.push(press.remote, moves, leases=dict.fromkeys(moves))


def attestation(outcome: GateOutcome, *, now_ms: int) -> Attestation:
    """Return what CI says about an outcome that has a claim."""
    system = platform.uname()
    machine = Machine(system=system.system, kernel=system.release, cpu=system.machine, python=platform.python_version())
    return Attestation(
        schema=1,
        evidence=str(outcome.evidence),
        machine=machine,
        sandbox=outcome.sandbox,
        layers={} if outcome.level is None else {x.name: x.detail or "reached" for x in outcome.level.layers},
        wall_s=dict(outcome.elapsed_s),
        judged_ms=now_ms,
        signer=CI_PRINCIPAL,
    )


def _record(
    subject: Subject, outcome: GateOutcome, check: CheckResult, kind: Literal["strategy", "platform"]
) -> CheckRecord:
    return CheckRecord(
        name=check.name,
        klass=check.klass,
        verdict=check.verdict,
        head=subject.head,
        base=subject.base,
        kind=kind,
        strategy=outcome.candidate.slug,
        tree=outcome.candidate.tree,
        evidence=outcome.evidence,
        engine=outcome.engine,
        policy=outcome.policy.digest,
        policy_path=outcome.policy.path,
        dataset=outcome.dataset,
        lane=outcome.lane,
    )
