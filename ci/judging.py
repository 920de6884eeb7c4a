"""Judge what a user names in a clone: resolve it, gather what the verdict depends on, run the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from autarch.errors import ConfigError
from autarch.evidence.ledger import Ledger
from autarch.repo.git import GitRepo
from autarch.repo.signers import trust_at
from ci.candidate import Candidate
from ci.context import Clock, GateInputs, Progress
from ci.counting import Counted, counted_at
from ci.gate import judge
from ci.incumbent import incumbent_of
from ci.inputs import Choice, counted_in, inputs_at_commit, inputs_in_worktree
from ci.outcome import GateOutcome
from ci.platform_run import Trial, platform_changes
from ci.target import candidate_of_commits, candidate_of_folder, find_root, parse_range, resolve
from ci.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """How to judge: what the caller chose, which checks, where narration goes, warm workers if there are any."""

    choice: Choice
    progress: Progress
    clock: Clock
    only: frozenset[str] | None = None
    workers: Workers | None = None

    def judge(self, candidate: Candidate, inputs: GateInputs) -> GateOutcome:
        """Run the gate."""
        return judge(candidate, inputs, progress=self.progress, clock=self.clock, only=self.only, workers=self.workers)


def judge_target(target: str, bench: Bench, *, cwd: Path) -> GateOutcome:
    """Judge a folder, or a range `base..head` of the clone around `cwd`.

    A folder is judged by the files beside it, a range by what its base commit holds, so that a
    proposal is never judged by its own policy or data.

    Raises:
        UsageError: the target is neither, or names what does not exist.
        ConfigError, DataError: the policy or the data set's lock is missing or malformed.
    """
    commits = parse_range(target)
    if commits is None:
        return judge_folder(cwd / target, bench, cwd=cwd)
    repo = GitRepo(find_root(cwd))
    base, head = (resolve(repo, name) for name in commits)
    return judge_commits(repo, bench, base=base, head=head)


def judge_folder(folder: Path, bench: Bench, *, cwd: Path) -> GateOutcome:
    """Judge a strategy's folder as it lies in a work tree; never in the ledger.

    Raises:
        UsageError: there is no such folder, or it is in no clone.
    """
    root = find_root(folder if folder.exists() else cwd)
    repo = GitRepo(root)
    base = repo.resolve("HEAD")
    candidate = candidate_of_folder(folder, base=base)
    if base is not None and candidate.source is not None:
        candidate = replace(candidate, incumbent=incumbent_of(repo, base, candidate.source))
    return bench.judge(candidate, inputs_in_worktree(root, bench.choice))


def judge_commits(repo: GitRepo, bench: Bench, *, base: str, head: str) -> GateOutcome:
    """Judge what `head` proposes against `base`, with the trials this clone's ledger counts; writes nothing."""
    counted = _counted(repo, base)
    candidate = candidate_of_commits(repo, base=base, head=head)
    inputs = counted_in(inputs_at_commit(repo, base, bench.choice), counted, tree=candidate.tree, base=base)
    outcome = bench.judge(candidate, inputs)
    if not outcome.whole_platform:
        return outcome
    trial = Trial(
        repo=repo,
        base=base,
        head=head,
        inputs=inputs,
        entries=counted.entries,
        progress=bench.progress,
        clock=bench.clock,
        workers=bench.workers,
    )
    return replace(outcome, platform=platform_changes(trial))


def _counted(repo: GitRepo, base: str) -> Counted:
    """Return what the ledger here says up to its head; nothing in a clone without ledger or signers."""
    try:
        ledger = Ledger(repo, trust=trust_at(repo, base, "ci"))
    except ConfigError:  # nobody may sign yet, so there is nothing to count
        return Counted()
    return counted_at(ledger, ledger.head())
