"""Derive a claim again, from the object store and the data stores alone, and say where it differs."""

from __future__ import annotations

from dataclasses import dataclass

from autarch.errors import DeployError, UndecidedError, UsageError
from autarch.evidence.claim import Claim, Difference, differences
from autarch.evidence.ledger import Ledger
from autarch.evidence.waiver import midnight_ms
from autarch.manifest import SLUG
from autarch.market.stores import Stores
from autarch.repo.engine import engine_digest
from autarch.repo.git import GitRepo
from autarch.repo.signing import Trust
from ci.context import Clock, GateInputs, Progress
from ci.counting import Counted, Told, counted_at
from ci.gate import judge
from ci.inputs import Choice, counted_in, inputs_at_commit, told_in
from ci.target import candidate_of_tree
from ci.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a claim is derived from: objects, bars, who may have signed the ledger (None: it is not counted again)."""

    repo: GitRepo
    stores: Stores
    ledger_trust: Trust | None
    workers: Workers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rederived:
    """What came of it: `differs` is empty exactly when every byte of the claim was found again."""

    differs: tuple[Difference, ...]
    engine: str


def verify_claim(claim: Claim, sources: Sources, *, progress: Progress, clock: Clock) -> Rederived:
    """Derive `claim` again and compare every field.

    Another engine's claim is not computed: its numbers may differ for good reasons, so the answer is
    the one difference `engine`, with both digests.

    Raises:
        DeployError, UsageError, DataError, UndecidedError: as `rederive`.
    """
    ours = engine_digest()
    if claim.engine != ours:
        return Rederived(differs=(Difference(field="engine", claimed=claim.engine, found=ours),), engine=ours)
    found = rederive(claim, sources, progress=progress, clock=clock)
    if found.verdict == "undecided" and claim.verdict != "undecided":
        stuck = next(check for check in found.checks if check.verdict == "undecided")
        raise UndecidedError(f"check {stuck.name} could not be computed again: {stuck.detail}")
    return Rederived(differs=differences(claim, found), engine=ours)


def rederive(claim: Claim, sources: Sources, *, progress: Progress, clock: Clock) -> Claim:
    """Return the claim that judging the same tree against the same base, policy and data gives today.

    Raises:
        UsageError: the claim is of a folder outside Git, so its bytes cannot be found again.
        DeployError: the base has no policy or lock, or judging gives no claim at all.
        DataError: bars are missing or changed.
        UndecidedError: an object is missing, workers cannot be confined, or a check could not be computed,
            with its own words.
    """
    tree, base = claim.strategy.tree, claim.base
    if tree is None or base is None:
        raise UsageError(
            f"the claim is of a folder outside Git ({claim.strategy.name}); commit it and gate the range instead"
        )
    if not SLUG.match(claim.strategy.name):
        raise DeployError(f"the claim names a strategy {claim.strategy.name!r}, which is no slug")
    candidate = candidate_of_tree(sources.repo, slug=claim.strategy.name, tree=tree, base=base)
    choice = Choice(stores=sources.stores, policy_path=claim.policy.path, dataset=claim.dataset.name)
    inputs = quoted(claim, sources, inputs_at_commit(sources.repo, base, choice))
    outcome = judge(candidate, inputs, progress=progress, clock=clock, workers=sources.workers)
    if outcome.claim is not None:
        return outcome.claim
    stuck = next((check for check in outcome.checks if check.verdict == "undecided"), None)
    if stuck is not None:
        raise UndecidedError(f"check {stuck.name} could not be computed again: {stuck.detail}")
    if outcome.of_machine:
        slow = next(check for check in outcome.checks if check.name in outcome.of_machine)
        raise UndecidedError(f"check {slow.name} could not be computed again on this machine: {slow.detail}")
    raise DeployError("judging the strategy again gives no claim: it cannot even be read as a strategy now")


def quoted(claim: Claim, sources: Sources, inputs: GateInputs) -> GateInputs:
    """Return `inputs` with what the ledger says at the claim's head, or the claim's own word without a ledger.

    Raises:
        LedgerError: the ledger does not verify up to that head.
    """
    if claim.ledger is None:
        return inputs
    if sources.ledger_trust is None:
        told_ms = None if claim.as_of is None else midnight_ms(claim.as_of)
        counted = Counted(head=claim.ledger, trials=claim.trials, newest_ms=told_ms)
        told = Told(lane=claim.lane, look=claim.look, tried=claim.tried, variance=claim.variance)
        return told_in(inputs, counted, told)
    counted = counted_at(Ledger(sources.repo, trust=sources.ledger_trust), claim.ledger)
    return counted_in(inputs, counted, tree=claim.strategy.tree, base=claim.base)
