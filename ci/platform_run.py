"""Try a platform change on every strategy of main: main's claims from the record, the change's from its own code.

The proposal's code runs in an enclosure: it sees its own tree, the train bars and Git's objects, and neither keys,
hidden bars, network nor processes of ours. Where there is no enclosure to be had it is not run, and that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import AutarchError
from autarch.evidence.attestation import load_evidence
from autarch.evidence.claim import Claim
from autarch.evidence.ledger_entry import Sealed
from autarch.repo.engine import LOCK_NAME, engine_digest_at
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.strategies import list_strategies, strategy_tree
from autarch.repo.trusted import environment_problems, write_tree_from
from autarch.sandbox import enclosure
from ci.context import Clock, GateInputs, Progress
from ci.gate import judge
from ci.inputs import LOCK_FOLDER
from ci.platform_cage import judged_by
from ci.platform_changes import PlatformChanges, changes_of
from ci.platform_child import Task, why_no_claim
from ci.target import candidate_of_tree
from ci.workers import Workers

SECONDS_MAX = 1_800.0
"""For all strategies of main together; a platform change waits for a human anyway (own choice)."""

_NOBODY = Person(name="Autarch", email="gate@autarch.invalid", when_s=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """With what a change is tried. `inputs` are main's at `base`; `entries` the ledger's, for main's claims.

    `bring` fetches the evidence of an id, if it is not here.
    """

    repo: GitRepo
    base: str
    head: str
    inputs: GateInputs
    entries: tuple[Sealed, ...]
    progress: Progress
    clock: Clock
    bring: Callable[[str], None] | None = None
    workers: Workers | None = None
    seconds: float = SECONDS_MAX


def platform_changes(trial: Trial) -> PlatformChanges:
    """Return what merging the head does to the verdict of each strategy on main, within `trial.seconds`.

    What cannot be tried is a row that says why; nothing here decides a verdict.
    """
    tree = trial.repo.merge_tree(trial.base, trial.head).tree
    if tree is None:
        return PlatformChanges(note="merging conflicts, so that there is nothing to try")
    slugs = list_strategies(trial.repo, trial.base)
    if not slugs:
        return PlatformChanges(note="main holds no strategy yet")
    if _judges_alike(trial, tree):
        return PlatformChanges(note="what changes does not judge: no verdict can differ")
    hindrance = _hindrance(trial, tree)
    if hindrance is not None:
        return PlatformChanges(note=f"the change was not tried on the strategies of main: {hindrance}")
    ends = trial.clock() + trial.seconds
    claims = {slug: _claim_on_main(trial, slug, ends) for slug in slugs}
    told = tuple(claim for claim in claims.values() if isinstance(claim, Claim))
    trial.progress(f"judging {len(told)} strategies of main by the change")
    platform = trial.repo.commit_tree(tree, parents=(), message="A platform on trial\n", author=_NOBODY)
    code = write_tree_from(trial.repo, platform)
    found = judged_by(code, _task(trial, tree, told), trial.repo, seconds=ends - trial.clock())
    return changes_of(claims, found, seconds=trial.seconds)


def _task(trial: Trial, tree: str, claims: tuple[Claim, ...]) -> Task:
    inputs = trial.inputs
    return Task(
        repo="",
        platform=tree,
        policy_path=inputs.policy.path,
        dataset=inputs.lock.name,
        train=str(Path(inputs.stores.train).resolve()),
        claims=claims,
    )


def _judges_alike(trial: Trial, tree: str) -> bool:
    """Return True when engine, policy and data set lock are main's: then so is every verdict."""
    repo, inputs = trial.repo, trial.inputs
    judging = (inputs.policy.path, f"{LOCK_FOLDER}/{inputs.lock.name}.toml")
    if any(repo.blob_at(tree, path) != repo.blob_at(trial.base, path) for path in judging):
        return False
    return repo.blob_at(tree, LOCK_NAME) is not None and engine_digest_at(repo, tree) == engine_digest_at(
        repo, trial.base
    )


def _hindrance(trial: Trial, tree: str) -> str | None:
    """Return why the change's code cannot be run here, or None."""
    if trial.inputs.engine != engine_digest_at(trial.repo, trial.base):
        return "this process runs another engine than main's; run it from a clone of main, or let the forge"
    lock = trial.repo.blob_at(tree, LOCK_NAME)
    problems = (f"it has no {LOCK_NAME}",) if lock is None else environment_problems(lock)
    if problems:
        return " ".join(problems)
    if not Path(trial.inputs.stores.train).is_dir():
        return f"the train store {trial.inputs.stores.train} is no folder of this host, and its code gets no network"
    return enclosure.lacking()


def _claim_on_main(trial: Trial, slug: str, ends: float) -> Claim | str:
    """Return what main says of its own strategy: as recorded by the code and limits it has now, else judged here."""
    tree = str(strategy_tree(trial.repo, trial.base, slug))
    recorded = _recorded(trial, slug, tree)
    if recorded is not None:
        return recorded
    if trial.clock() >= ends:
        return f"not reached within {trial.seconds:.0f} s"
    trial.progress(f"judging {slug} by main, which has no record under its present code and limits")
    candidate = candidate_of_tree(trial.repo, slug=slug, tree=tree, base=trial.base)
    try:
        outcome = judge(candidate, trial.inputs, progress=trial.progress, clock=trial.clock, workers=trial.workers)
    except AutarchError as error:
        return str(error)
    return outcome.claim or why_no_claim(outcome)


def _recorded(trial: Trial, slug: str, tree: str) -> Claim | None:
    """Return the newest claim in the ledger of exactly this strategy, code, policy and data, if there is one."""
    inputs = trial.inputs
    for sealed in reversed(trial.entries):
        evidence = sealed.entry.evidence
        if sealed.entry.slug != slug or evidence is None:
            continue
        with suppress(AutarchError):  # lost or damaged evidence is as good as none: main judges again
            if trial.bring is not None:
                trial.bring(evidence)
            claim = load_evidence(trial.repo, evidence).claim
            found = (claim.strategy.tree, claim.engine, claim.policy.sha256, claim.dataset.digest)
            if found == (tree, inputs.engine, inputs.policy.digest, inputs.lock.digest):
                return claim
    return None
