"""What every step of the trusted and the untrusted half needs: the clone, main, the event's pull request, inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import UndecidedError, UsageError
from autarch.evidence.ledger import Ledger, ledger_at
from autarch.forge.client import ForgeClient
from autarch.repo.engine import engine_digest_at
from autarch.repo.git import GitRepo, Remote
from autarch.repo.mainline import fetch_main
from ci.actions.events import GateRun
from ci.actions.parcel import Wanted
from ci.actions.site import Site
from ci.context import Clock, GateInputs, Progress
from ci.inputs import Choice, inputs_at_commit
from ci.publish_records import Subject

CLOSED_MAX = 100
"""Closed pull requests that are looked through, the last touched first: one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A step's tools; `remote` is the repository as the step's token reaches it.

    `clock` gives monotonic seconds, `clock_ms` epoch ms, `sleep` waits seconds.
    """

    site: Site
    repo: GitRepo
    remote: Remote
    choice: Choice
    progress: Progress
    clock: Clock
    clock_ms: Callable[[], int]
    sleep: Callable[[float], None]

    def ledger(self, base: str) -> Ledger:
        """Return the ledger as this step's token reaches it, under the signers that `base` lists."""
        return ledger_at(self.repo, base, remote=self.remote)

    def inputs(self, base: str) -> GateInputs:
        """Return what main at `base` judges by.

        Raises:
            UndecidedError: this process runs another engine than main's.
        """
        inputs = inputs_at_commit(self.repo, base, self.choice)
        if inputs.engine != engine_digest_at(self.repo, base):
            raise UndecidedError(
                f"this step runs engine {inputs.engine[:12]}, main at {base[:12]} is another: main moved since the "
                "step began. Run the workflow again"
            )
        return inputs


def fetch(bench: Bench, *commits: str) -> None:
    """Bring commits with their history into the clone, by this step's token.

    Raises:
        UndecidedError: the forge has no such commit, as after a force push that was cleaned up.
    """
    missing = [oid for oid in commits if bench.repo.resolve(oid) is None]
    if missing:
        bench.repo.fetch(bench.remote, missing)


def subject_of(bench: Bench, run: GateRun, forge: ForgeClient, *, also_closed: bool = False) -> Subject:
    """Return which judgement a run of the untrusted half stands for: its head, on main as it is now.

    The number comes from the event, else from the one open pull request with this head.

    Args:
        bench: This step's tools.
        run: The run.
        forge: Is asked where the event names no number, as of a fork's.
        also_closed: Whether one that was closed just now will do: its run goes on, and leaves a score to be read.

    Raises:
        UsageError: no open pull request onto main has this head any more: nothing is to be told.
    """
    base = fetch_main(bench.repo, bench.remote)
    number = run.number
    if number is None:
        number = min((pull.number for pull in forge.pulls(state="open") if pull.head_sha == run.head), default=None)
    if number is None and also_closed:
        closed = forge.pulls(state="closed", touched=CLOSED_MAX)
        number = min((pull.number for pull in closed if pull.head_sha == run.head and not pull.merged), default=None)
    if number is None:
        raise UsageError(f"no open pull request has head {run.head[:12]}; it was closed or pushed over")
    fetch(bench, run.head)
    return Subject(number=number, head=run.head, base=base)


def wanted_of(subject: Subject, inputs: GateInputs) -> Wanted:
    """Return what a parcel about `subject` must say of itself."""
    return Wanted(
        head=subject.head,
        base=subject.base,
        engine=inputs.engine,
        policy=inputs.policy.digest,
        dataset=inputs.lock.ref,
        numerics=inputs.numerics,
    )


def key_file(content: str, folder: Path) -> Path:
    """Write a key from a secret to a private file in `folder`, which the caller removes.

    Raises:
        UsageError: there is none.
    """
    if not content.strip():
        raise UsageError("the secret AUTARCH_CI_KEY is empty; set it in the environment this job names")
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_text(content.strip() + "\n", encoding="ascii")
    return path
