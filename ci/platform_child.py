"""Judge strategies again by the code this process runs, as a platform change would: `python -m ci.platform_child FILE`.

Started by main's code inside an enclosure. It is the proposal's code that runs here, so whatever it answers is what
the proposal says of itself; a human who approves it reads both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from autarch.errors import AutarchError, DataError
from autarch.evidence.claim import Claim
from autarch.market.stores import Stores
from autarch.repo.git import GitRepo
from ci.gate import judge
from ci.inputs import Choice, inputs_with_platform
from ci.outcome import GateOutcome
from ci.platform_changes import Found
from ci.rederive import Sources, quoted
from ci.target import candidate_of_tree
from ci.workers import Workers, started_workers


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to judge: claims of main, and the tree whose policy and data set locks count.

    `repo` holds the objects of both. `train` is the root of the train store; there is no other.
    """

    repo: str
    platform: str
    policy_path: str
    dataset: str
    train: str
    claims: tuple[Claim, ...]


def main(argv: list[str]) -> int:
    """Write one line for each claim of the task in the file `argv[0]`, as soon as it is known."""
    task = msgspec.json.decode(Path(argv[0]).read_bytes(), type=Task, strict=True)
    with started_workers() as workers:
        for line in answered(task, workers):
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
            sys.stdout.buffer.flush()
    return 0


def answered(task: Task, workers: Workers) -> Iterator[Found]:
    """Yield the answer to each claim of `task`."""
    for claim in task.claims:
        slug = claim.strategy.name
        try:
            outcome = _again(task, claim, workers)
        except AutarchError as error:
            yield Found(slug=slug, problem=str(error))
            continue
        problem = "" if outcome.claim else why_no_claim(outcome)
        yield Found(slug=slug, claim=outcome.claim, verdict=outcome.verdict, problem=problem)


def why_no_claim(outcome: GateOutcome) -> str:
    """Return the sentence of the check that left `outcome` without a claim."""
    stuck = [c for c in outcome.checks if c.verdict == "undecided" or c.name in outcome.of_machine]
    return f"{stuck[0].name}: {stuck[0].detail}" if stuck else "it is no strategy that a claim could be made of"


def _again(task: Task, claim: Claim, workers: Workers) -> GateOutcome:
    if claim.base is None or claim.strategy.tree is None:
        raise DataError("the claim names no commit; only what Git holds can be judged again")
    repo, stores = GitRepo(Path(task.repo)), Stores(train=task.train, holdout="", forward="")
    choice = Choice(stores=stores, policy_path=task.policy_path, dataset=task.dataset)
    inputs = inputs_with_platform(repo, claim.base, task.platform, choice)
    told = quoted(claim, Sources(repo=repo, stores=stores, ledger_trust=None), inputs)
    candidate = candidate_of_tree(repo, slug=claim.strategy.name, tree=claim.strategy.tree, base=claim.base)
    return judge(candidate, told, progress=_silent, clock=time.monotonic, workers=workers)


def _silent(_line: str) -> None:
    """Tell nobody: whoever started this reads answers alone."""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
