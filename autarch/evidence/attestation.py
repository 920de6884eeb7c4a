"""The attestation: who judged, on what machine, how confined, how long. Signed, never compared.

Evidence is stored as a tree {claim.json, attestation.signed} at `refs/autarch/evidence/<id>`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from autarch.canonical import Sha256, sha256_hex
from autarch.errors import DeployError
from autarch.evidence.claim import Claim, claim_bytes, parse_claim
from autarch.repo.git import GitRepo
from autarch.repo.objects import REGULAR, TreeEntry
from autarch.repo.signing import NS_EVIDENCE, SignatureError, Trust, open_record, signed_record

CLAIM_NAME, RECORD_NAME = "claim.json", "attestation.signed"


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the numbers were computed. `cpu` and `kernel` as the system names them."""

    system: str
    kernel: str
    cpu: str
    python: str


class Attestation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a signer says about one claim. `sandbox` is the level the parent read, not the worker's word.

    `layers` names every layer of it: "reached", or why not.

    `wall_s` is elapsed seconds by check; `judged_ms` the signer's clock, in epoch ms.
    """

    schema: Literal[1]
    evidence: str
    machine: Machine
    sandbox: str
    wall_s: dict[str, float]
    judged_ms: int
    signer: str
    layers: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One stored evidence: the claim, its exact bytes, and the signed record (None for a bare file)."""

    claim: Claim
    content: bytes
    record: bytes | None

    @property
    def id(self) -> Sha256:
        """The SHA-256 of the claim's bytes."""
        return sha256_hex(self.content)


def evidence_ref(evidence: str) -> str:
    """Return the ref that holds the evidence of this id."""
    return f"refs/autarch/evidence/{evidence}"


def sign_attestation(attestation: Attestation, *, key: Path) -> bytes:
    """Return `attestation` as a signed record: a line of canonical JSON, then the armoured SSH signature.

    Raises:
        ConfigError: the key is missing or unusable.
    """
    return signed_record(msgspec.to_builtins(attestation), key=key, namespace=NS_EVIDENCE)


def read_attestation(record: bytes, *, evidence: str, trust: Trust) -> Attestation:
    """Return the attestation in `record` once its signature holds and it speaks of `evidence`.

    Raises:
        SignatureError: not signed by `trust.principal` for `autarch-evidence`.
        DeployError: malformed, about another claim, or it names another signer.
    """
    body = open_record(record, trust=trust, namespace=NS_EVIDENCE)
    try:
        attestation = msgspec.convert(body, Attestation, strict=True)
    except msgspec.ValidationError as error:
        raise DeployError(f"the attestation of {evidence} is not of schema 1: {error}") from error
    if attestation.evidence != evidence:
        raise DeployError(f"the attestation speaks of evidence {attestation.evidence}, expected {evidence}")
    if attestation.signer != trust.principal:
        raise DeployError(
            f"the attestation of {evidence} names signer {attestation.signer}; {trust.principal} signed it"
        )
    return attestation


def read_attestation_by_any(record: bytes, *, evidence: str, trusts: Sequence[Trust]) -> Attestation:
    """Return the attestation in `record` when one of `trusts` signed it; they are tried in order.

    Raises:
        SignatureError: none of them did; the text says what each found.
        DeployError: as `read_attestation`.
    """
    problems: list[str] = []
    for trust in trusts:
        try:
            return read_attestation(record, evidence=evidence, trust=trust)
        except SignatureError as error:
            problems.append(str(error))
    raise SignatureError("; ".join(dict.fromkeys(problems)) or "nobody is trusted to sign evidence")


def store_evidence(repo: GitRepo, claim: Claim, record: bytes) -> str:
    """Store a claim with its signed record and return the tree's id; a newer record replaces an older one.

    The caller pushes the ref where others read it.
    """
    content = claim_bytes(claim)
    blobs = {CLAIM_NAME: repo.write_blob(content), RECORD_NAME: repo.write_blob(record)}
    tree = repo.write_tree(TreeEntry(mode=REGULAR, oid=oid, path=name) for name, oid in blobs.items())
    ref = evidence_ref(sha256_hex(content))
    repo.update_ref(ref, tree, old=repo.read_ref(ref))
    return tree


def load_evidence(repo: GitRepo, evidence: str, *, stored: str | None = None) -> Evidence:
    """Return the evidence of this id from the object store; its signature is not checked here.

    Args:
        repo: Where it is.
        evidence: Its id.
        stored: The tree that should hold it; by default the one its reference names.

    Raises:
        DeployError: there is none here, it holds something else than its two files, or the
            claim's bytes do not have this SHA-256.
    """
    tree = repo.read_ref(evidence_ref(evidence)) if stored is None else stored
    if tree is None:
        raise DeployError(
            f"no evidence {evidence} in {repo.path}; fetch it from the forge, by its URL or its folder "
            f".autarch/forge/repo.git: git fetch FORGE {evidence_ref(evidence)}:{evidence_ref(evidence)}"
        )
    found = {entry.path: entry for entry in repo.ls_tree(tree)}
    if sorted(found) != sorted((CLAIM_NAME, RECORD_NAME)):
        raise DeployError(f"evidence {evidence} holds {', '.join(sorted(found))}; expected {CLAIM_NAME}, {RECORD_NAME}")
    content, record = (repo.cat_blob(found[name].oid) for name in (CLAIM_NAME, RECORD_NAME))
    if sha256_hex(content) != evidence:
        raise DeployError(f"evidence {evidence}: its claim.json has SHA-256 {sha256_hex(content)}; it was replaced")
    return Evidence(claim=parse_claim(content), content=content, record=record)
