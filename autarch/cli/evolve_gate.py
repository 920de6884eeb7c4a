"""The gate as the loop asks it: warm workers in each process that judges, main's policy, train alone, no ledger."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WARM_LOCK = threading.Lock()
_WARM: dict[bool, tuple[ExitStack, Any]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmGate:
    """Judges commits of the clone at `root` against their base; goes to other processes as it is.

    What it says is what the forge will say of train bars, with this clone's code; the verdict that counts is the
    forge's.
    """

    root: Path
    policy: str
    dataset: str
    stores: Any
    allow_weak: bool

    def __call__(self, question: Any) -> Any:
        """Return the gate's word about one candidate."""
        from autarch.cli.main import load
        from autarch.repo.git import GitRepo

        inputs, judging = load("ci.inputs"), load("ci.judging")
        choice = inputs.Choice(
            stores=self.stores, policy_path=self.policy, dataset=self.dataset, allow_weak=self.allow_weak
        )
        began = time.monotonic()
        bench = judging.Bench(
            choice=choice, progress=lambda _line: None, clock=time.monotonic, workers=_workers(weak=self.allow_weak)
        )
        outcome = judging.judge_commits(GitRepo(self.root), bench, base=question.base, head=question.head)
        return load("agents.evolution.judging").word_of(outcome.to_json(), seconds=time.monotonic() - began)


def counter(workspace: Any, base: str) -> Any:
    """Return what has a run's trials counted: by CI's key where this workspace has it, else by whoever has."""

    def count(study: Any) -> None:
        from autarch.errors import ConfigError

        try:
            key = workspace.key("ci")
            remote = workspace.remote("ci")
        except ConfigError:
            _say(f"study {study.digest[:16]} of {len(study.trials)} trials waits for CI to count it: no key here")
            return
        append_study(workspace.repo, remote, key, base=base, study=study, now_ms=time.time_ns() // 10**6)

    return count


def append_study(repo: Any, remote: Any, key: Path, *, base: str, study: Any, now_ms: int) -> None:
    """Add a study's trials to the ledger, once."""
    from autarch.evidence.ledger import ledger_at
    from autarch.evidence.ledger_entry import SCHEMA, InnerTrials, LedgerEntry

    ledger = ledger_at(repo, base, remote=remote)
    head = ledger.begin()
    for sealed in ledger.entries(head):
        inner = sealed.entry.inner
        if sealed.entry.kind == "study" and inner is not None and inner.sidecar == study.digest:
            return
    entry = LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="study",
        recorded_ms=now_ms,
        base=base,
        dataset=study.dataset,
        inner=InnerTrials(count=len(study.trials), sharpe_variance=study.sharpe_variance or None, sidecar=study.digest),
    )
    ledger.append(entry, key=key)


def _workers(*, weak: bool) -> Any:
    """Return this process's workers, started when it judges first; they end with it."""
    import atexit

    from autarch.cli.main import load

    with _WARM_LOCK:
        if weak not in _WARM:
            stack = ExitStack()
            _WARM[weak] = (stack, stack.enter_context(load("ci.workers").started_workers(allow_weak=weak)))
            atexit.register(stack.close)
        return _WARM[weak][1]


def _say(line: str) -> None:
    sys.stderr.write(f"  {line}\n")
