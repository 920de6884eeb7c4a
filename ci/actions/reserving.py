"""The first step of the trusted half: a judgement is in the ledger before the run that computes it can end."""

from __future__ import annotations

from pathlib import Path

from autarch.errors import UsageError
from autarch.evidence.ledger_entry import Sealed
from autarch.forge.client import ForgeClient
from ci.actions.bench import Bench, subject_of
from ci.actions.events import parse_gate_run
from ci.inputs import lock_from, policy_from
from ci.publish import GateDesk, reserve
from ci.target import candidate_of_commits


def desk_of(bench: Bench, forge: ForgeClient, key: Path) -> GateDesk:
    """Return CI's desk as a step has it."""
    return GateDesk(
        repo=bench.repo,
        remote=bench.remote,
        forge=forge,
        key=key,
        choice=bench.choice,
        clock_ms=bench.clock_ms,
        clock=bench.clock,
        progress=bench.progress,
        sleep=bench.sleep,
    )


def reserve_run(bench: Bench, forge: ForgeClient, key: Path) -> Sealed | None:
    """Reserve the judgement of the run that the event tells of; None where there is nothing to score.

    Run again, or beside the step that publishes, it finds the reservation that is there. A pull request that was
    closed meanwhile is counted all the same.

    Raises:
        UsageError: the run is none of ours, or its pull request is gone.
        LedgerError, PushRefusedError: the reservation cannot be made durable: nothing may be published.
    """
    run = parse_gate_run(bench.site.event())
    if run.repository != bench.site.repository:
        raise UsageError(f"the event is of {run.repository}, this run of {bench.site.repository}")
    subject = subject_of(bench, run, forge, also_closed=True)
    candidate = candidate_of_commits(bench.repo, base=subject.base, head=subject.head)

    def read(path: str) -> bytes | None:
        return bench.repo.blob_at(subject.base, path)

    policy = policy_from(read, bench.choice.policy_path, where=subject.base[:12])
    lock = lock_from(read, bench.choice.dataset or policy.data.datasets[0], where=subject.base[:12])
    return reserve(desk_of(bench, forge, key), subject, candidate, lock, bench.ledger(subject.base))
