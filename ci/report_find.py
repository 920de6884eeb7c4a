"""Find what a report is asked for: a pull request's head, an evidence, a claim's file, a strategy; and its verdict."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from autarch.canonical import sha256_hex
from autarch.errors import AutarchError, ConfigError, DeployError, UsageError
from autarch.evidence.attestation import Evidence, evidence_ref, load_evidence, read_attestation_by_any
from autarch.evidence.claim import Claim, parse_claim
from autarch.forge import checks as records
from autarch.forge.checks import CheckRecord
from autarch.manifest import SLUG, StrategySource
from autarch.repo.git import GitRepo
from autarch.repo.signers import SignerRole, trust_at
from autarch.verdict import CheckResult
from ci.candidate import Candidate
from ci.context import GateInputs
from ci.incumbent import incumbent_of
from ci.inputs import Choice, inputs_at_commit, inputs_in_worktree
from ci.report_replay import Told
from ci.target import candidate_of_commits, candidate_of_folder, candidate_of_tree

EVIDENCE_PREFIX: Final = evidence_ref("")
EVIDENCE_READ_MAX: Final = 5_000
ROLES: Final[tuple[SignerRole, ...]] = ("ci", "release")
Bring = Callable[[str], None]
"""Fetches the references of a pattern from the forge, as far as it has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullHead:
    """A pull request by its head, and the commit it is seen against."""

    number: int
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a report is made from."""

    candidate: Candidate
    inputs: GateInputs
    told: Told


def of_pull(repo: GitRepo, pull: PullHead, choice: Choice, *, bring: Bring) -> Found:
    """Return a pull request with the signed verdict on its head: on this base if there is one, else on another.

    Raises:
        UsageError, ConfigError, DataError: as judging a range.
    """
    bring(f"{records.PREFIX}{pull.head}/*")
    signed = _signed(repo, pull)
    evidence = next((one.evidence for one in signed if one.evidence), None)
    claim = None
    if evidence is not None:
        bring(evidence_ref(evidence))
        claim = _attested(repo, load_evidence(repo, evidence), pull.base)
    told = Told(
        claim=claim,
        checks=tuple(CheckResult(name=one.name, klass=one.klass, verdict=one.verdict) for one in signed),
        said=tuple(repo.read_commit(pull.head).trailers.items()),
    )
    base = signed[0].base if signed else pull.base
    candidate = candidate_of_commits(repo, base=base, head=pull.head)
    return Found(candidate=candidate, inputs=_inputs(repo, base, choice, claim), told=told)


def of_evidence(repo: GitRepo, evidence: str, choice: Choice, *, bring: Bring) -> Found:
    """Return what an evidence id names.

    Raises:
        DeployError: there is none, it is damaged, or nobody trusted attests it.
    """
    bring(evidence_ref(evidence))
    found = load_evidence(repo, evidence)
    return _of_claim(repo, _attested(repo, found, found.claim.base), choice)


def of_claim_file(repo: GitRepo, path: Path, choice: Choice) -> Found:
    """Return what the claim in a file names; nobody attests a file.

    Raises:
        DeployError: it is no claim, or of a folder outside Git.
    """
    return _of_claim(repo, parse_claim(path.read_bytes()), choice)


def of_strategy(repo: GitRepo, named: str, choice: Choice, *, cwd: Path) -> Found:
    """Return a strategy of the work tree, by folder or slug, with the newest evidence of these very bytes.

    Raises:
        UsageError: there is no such strategy.
    """
    folder = cwd / named
    if not folder.is_dir():
        folder = repo.path / "strategies" / named
    if not folder.is_dir() or not SLUG.match(folder.resolve().name):
        raise UsageError(
            f"{named!r} is no pull request, strategy, evidence or claim here; see: autarch pr ls, ls strategies"
        )
    head = repo.resolve("HEAD")
    candidate = candidate_of_folder(folder, base=head)
    inputs = inputs_in_worktree(repo.path, choice)
    if candidate.source is None:
        problems = "; ".join(candidate.problems) or candidate.source_problem or "it cannot be read"
        raise UsageError(f"{folder} is no strategy: {problems}")
    claim = _newest(repo, candidate.source)
    if claim is not None:
        return _of_claim(repo, claim, choice)
    if head is not None:
        candidate = replace(candidate, incumbent=incumbent_of(repo, head, candidate.source))
    return Found(candidate=candidate, inputs=inputs, told=Told())


def _of_claim(repo: GitRepo, claim: Claim, choice: Choice) -> Found:
    tree, base = claim.strategy.tree, claim.base
    if tree is None or base is None or not SLUG.match(claim.strategy.name):
        raise DeployError("the claim is of a folder outside Git; report the folder instead")
    candidate = candidate_of_tree(repo, slug=claim.strategy.name, tree=tree, base=base)
    return Found(candidate=candidate, inputs=_inputs(repo, base, choice, claim), told=Told(claim=claim))


def _inputs(repo: GitRepo, base: str, choice: Choice, claim: Claim | None) -> GateInputs:
    """Return the inputs of a claim's own policy and data set, else those chosen."""
    if claim is not None:
        choice = replace(choice, policy_path=claim.policy.path, dataset=claim.dataset.name)
    return inputs_at_commit(repo, base, choice)


def _signed(repo: GitRepo, pull: PullHead) -> list[CheckRecord]:
    """Return the records of one judgement of the head that main's CI key signs, the one on `pull.base` if any."""
    signers = repo.blob_at(pull.base, records.CI_SIGNERS)
    by_base: dict[str, list[CheckRecord]] = {}
    for ref, oid in repo.refs(f"{records.PREFIX}{pull.head}/").items():
        if signers is None or not records.REF.match(ref):
            continue
        record = _opened(repo, oid, signers)
        if record is not None and (record.head, record.ref) == (pull.head, ref):
            by_base.setdefault(record.base, []).append(record)
    whole = [base for base in by_base if repo.resolve(base) is not None]
    chosen = pull.base if pull.base in by_base else max(whole, key=partial(_when, repo), default=None)
    return by_base.get(chosen, []) if chosen is not None else []


def _when(repo: GitRepo, base: str) -> int:
    return repo.read_commit(base).author.when_s


def _opened(repo: GitRepo, oid: str, signers: bytes) -> CheckRecord | None:
    try:
        return records.open_check(repo.cat_blob(oid), signers=signers)
    except AutarchError:  # signed by nobody listed: as good as absent
        return None


def _attested(repo: GitRepo, evidence: Evidence, base: str | None) -> Claim:
    """Return the claim once somebody trusted attests it.

    Raises:
        DeployError: nobody does.
    """
    commits = [one for one in (repo.resolve("refs/heads/main"), repo.resolve("refs/remotes/origin/main"), base) if one]
    trusts = []
    for commit in dict.fromkeys(commits):
        for role in ROLES:
            with suppress(ConfigError):  # a commit that lists nobody
                trusts.append(trust_at(repo, commit, role))
    if evidence.record is None:
        raise DeployError(f"evidence {evidence.id} carries no attestation, so nobody vouches for its numbers")
    read_attestation_by_any(evidence.record, evidence=evidence.id, trusts=trusts)
    return evidence.claim


def _newest(repo: GitRepo, source: StrategySource) -> Claim | None:
    """Return the newest claim of these very bytes that this clone holds and somebody trusted attests."""
    wanted = sha256_hex(source.manifest_bytes), sha256_hex(source.code)
    found = []
    for ref in list(repo.refs(EVIDENCE_PREFIX))[:EVIDENCE_READ_MAX]:
        with suppress(AutarchError):  # a damaged one is none
            evidence = load_evidence(repo, ref.removeprefix(EVIDENCE_PREFIX))
            named = evidence.claim.strategy
            if (named.manifest_sha256, named.code_sha256) == wanted and named.tree is not None:
                found.append(_attested(repo, evidence, None))
    return max(found, key=lambda claim: claim.as_of or "", default=None)
