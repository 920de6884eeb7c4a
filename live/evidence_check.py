"""Does one released strategy's evidence say what the tag says it says? Pure but for reading objects."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import dataclass

from autarch.canonical import parse_toml
from autarch.errors import ConfigError, DeployError
from autarch.evidence.attestation import Evidence, load_evidence, read_attestation_by_any
from autarch.evidence.claim import Claim
from autarch.evidence.released import Released, ReleasedStrategy
from autarch.evidence.waiver import parse_waivers, void_reason, waived_text, waiver_path
from autarch.repo.git import GitRepo
from autarch.repo.signing import SignatureError, Trust
from autarch.verdict import LAWS, Measure

_AGAIN = "release again with `autarch release`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One sleeve of a release, and the bytes of the policy it was judged by.

    `stored` is the tree that holds the evidence, where it is not the one its reference names here.
    """

    released: Released
    item: ReleasedStrategy
    policy: bytes
    stored: str | None = None


def check_claim(repo: GitRepo, expected: Expected, signers: tuple[Trust, ...]) -> None:
    """Refuse evidence that is absent, altered, unsigned, about something else, or not all green.

    Raises:
        DeployError: naming the strategy, the field, what was found and what was expected.
    """
    item = expected.item
    evidence = load_evidence(repo, item.evidence, stored=expected.stored)
    _require_attested(evidence, item, signers)
    for name, found, wanted in _facts(evidence.claim, expected):
        if found != wanted:
            raise DeployError(
                f"evidence {item.evidence[:12]} of {item.strategy}: {name} is {found}, "
                f"the release says {wanted}; {_AGAIN}"
            )
    _require_green(evidence.claim, expected)
    _require_waivers(repo, evidence.claim, expected)


def _require_attested(evidence: Evidence, item: ReleasedStrategy, signers: tuple[Trust, ...]) -> None:
    if evidence.record is None:
        raise DeployError(f"evidence {item.evidence} of {item.strategy} has no attestation; {_AGAIN}")
    try:
        read_attestation_by_any(evidence.record, evidence=item.evidence, trusts=signers)
    except SignatureError as error:
        raise DeployError(f"evidence {item.evidence[:12]} of {item.strategy}: {error}. {_AGAIN}") from error


def _facts(claim: Claim, expected: Expected) -> tuple[tuple[str, object, object], ...]:
    released, item = expected.released, expected.item
    return (
        ("strategy", claim.strategy.name, item.strategy),
        ("tree", claim.strategy.tree, item.tree),
        ("base", claim.base, released.commit),
        ("decision digest", claim.digests.decisions, item.decisions),
        ("engine", claim.engine, released.engine),
        ("policy", claim.policy.sha256, released.policy),
        ("data set", f"{claim.dataset.name}@{claim.dataset.digest}", released.dataset),
        ("ledger", claim.ledger, released.ledger_head),
        ("verdict", claim.verdict, "accepted"),
    )


def _require_green(claim: Claim, expected: Expected) -> None:
    item, waivers = expected.item, expected.released.waivers
    unlisted = [waiver for waiver in claim.waived if waiver not in waivers]
    if unlisted:
        raise DeployError(f"{item.strategy}: waiver {unlisted[0]!r} is not listed in the tag; {_AGAIN}")
    answered = {check.name: check for check in claim.checks}
    for name in required_checks(expected.policy, expected.released.policy_path):
        if name not in answered:
            raise DeployError(f"{item.strategy}: check {name} was never run, and the policy requires it; {_AGAIN}")
    for check in claim.checks:
        fine = check.verdict == "passed" or check.klass == "advice"
        if not fine and not (check.verdict == "waived" and check.klass == "limit"):
            raise DeployError(f"{item.strategy}: check {check.name} is {check.verdict}: {check.detail}")


def _require_waivers(repo: GitRepo, claim: Claim, expected: Expected) -> None:
    """Refuse a waived check unless the released commit holds its waiver, which covers it, and the tag names it."""
    item, released = expected.item, expected.released
    waived = [check for check in claim.checks if check.verdict == "waived"]
    if not waived:
        return
    path = waiver_path(item.strategy)
    content = repo.blob_at(released.commit, path)
    if content is None:
        raise DeployError(f"{item.strategy}: check {waived[0].name} is waived, and there is no {path}; {_AGAIN}")
    try:
        day = dt.date.fromisoformat(claim.as_of or "never")
        known = {waiver.check: waiver for waiver in parse_waivers(content, path=path)}
    except (ConfigError, ValueError) as error:
        raise DeployError(f"{item.strategy}: {error}; {_AGAIN}") from error
    for check in waived:
        measures = [Measure(name=m.name, value=m.value, op=m.op, limit=m.limit, unit=m.unit) for m in check.measures]
        waiver = known.get(check.name)
        if waiver is None or check.name in LAWS:
            raise DeployError(f"{item.strategy}: check {check.name} is waived, and {path} does not waive it; {_AGAIN}")
        void = void_reason(waiver, measures, decisions=item.decisions, day=day)
        if void is not None:
            raise DeployError(f"{item.strategy}: the waiver of {check.name} is void: {void}; {_AGAIN}")
        text = waived_text(item.strategy, waiver, measures)
        if text not in released.waivers:
            raise DeployError(f"{item.strategy}: waiver {text!r} is not listed in the tag; {_AGAIN}")


def required_checks(policy: bytes, path: str) -> tuple[str, ...]:
    """Return the checks that the policy in these bytes requires of a strategy.

    Raises:
        DeployError: the bytes name none.
    """
    try:
        names = parse_toml(policy)["required"]["strategy"]
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DeployError(f"{path} names no required checks: {error!r}; {_AGAIN}") from error
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DeployError(f"{path} names no required checks; {_AGAIN}")
    return tuple(names)


def is_paper_only(policy: bytes | None) -> bool:
    """Return whether the policy in these bytes says of itself that it is for paper alone, as a walk-through's is."""
    try:
        said = parse_toml(policy or b"")
        return bool(said.get("paper_only", False)) or bool(said.get("walkthrough", False))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True
