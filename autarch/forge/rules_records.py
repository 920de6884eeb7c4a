"""Records are written once: checks and evidence by CI, studies by agents; the ledger only grows."""

from __future__ import annotations

from autarch.canonical import sha256_hex
from autarch.errors import DeployError
from autarch.evidence.attestation import evidence_ref, read_attestation
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerError
from autarch.evidence.revealed import PREFIX, REVEALED_BYTES_MAX
from autarch.forge import checks
from autarch.forge.checks import CI_SIGNERS, RELEASE_SIGNERS
from autarch.forge.rules import Move, Rulebook, need_role, refuse
from autarch.repo.objects import REGULAR
from autarch.repo.signing import CI_PRINCIPAL, RELEASE_PRINCIPAL, SignatureError, Trust

EVIDENCE_FILES = ("attestation.signed", "claim.json")
CLAIM_BYTES_MAX = 1_000_000
STUDY_BYTES_MAX = 8_000_000
LEDGER_COMMITS_MAX = 1000
"""Ledger entries one push may add."""

_KEEP = "records stay as they were written; write a new one"


def judge_check(book: Rulebook, move: Move) -> None:
    """Refuse unless CI writes, once, a record that it signed and that speaks of its own reference.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("ci",), "a check")
    new = _first_write(move, "check-immutable")
    match = checks.REF.match(move.ref)
    if match is None:
        raise refuse("namespace", "a check lives at refs/autarch/checks/<head>/<base>/<name>", "name it so")
    try:
        record = checks.open_check(_blob(book, new, "check-blob"), signers=book.signers(CI_SIGNERS))
    except SignatureError as error:
        raise refuse("check-signature", str(error), "sign with a key that ci/signers/ci on main lists") from error
    if record.ref != move.ref:
        raise refuse("check-subject", f"the record speaks of {record.ref}", "push it under its own name")


def judge_evidence(book: Rulebook, move: Move) -> None:
    """Refuse unless evidence is written once under the SHA-256 of its claim.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("ci", "human"), "evidence")
    new = _first_write(move, "evidence-immutable")
    if book.repo.kind_of(new) != "tree":
        raise refuse("evidence-tree", f"evidence is a {book.repo.kind_of(new)}", "push the tree of its two files")
    entries = {entry.path: entry for entry in book.repo.ls_tree(new)}
    if tuple(sorted(entries)) != EVIDENCE_FILES or any(entry.mode != REGULAR for entry in entries.values()):
        raise refuse("evidence-tree", f"it holds {sorted(entries)}; expected {list(EVIDENCE_FILES)}", "store those two")
    claim = book.repo.cat_blob(entries["claim.json"].oid)
    if len(claim) > CLAIM_BYTES_MAX:
        raise refuse("evidence-size", f"claim.json has {len(claim)} bytes of at most {CLAIM_BYTES_MAX}", "claim less")
    if move.ref != evidence_ref(sha256_hex(claim)):
        raise refuse("evidence-name", f"its claim.json has SHA-256 {sha256_hex(claim)}", "push it under that name")
    _need_attestation(book, book.repo.cat_blob(entries["attestation.signed"].oid), evidence=sha256_hex(claim))


def _need_attestation(book: Rulebook, record: bytes, *, evidence: str) -> None:
    """Evidence is written once, so a record that no reader will believe must not take its place."""
    if book.pusher.role == "ci":
        trust = Trust(signers=book.signers(CI_SIGNERS), principal=CI_PRINCIPAL)
    else:
        trust = Trust(signers=book.signers(RELEASE_SIGNERS), principal=RELEASE_PRINCIPAL)
    try:
        read_attestation(record, evidence=evidence, trust=trust)
    except (SignatureError, DeployError) as error:
        raise refuse("evidence-signature", str(error), "sign the attestation with a key that main lists") from error


def judge_study(book: Rulebook, move: Move) -> None:
    """Refuse unless a study is written once under the SHA-256 of its bytes.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("agent",), "a study")
    new = _first_write(move, "study-immutable")
    content = _blob(book, new, "study-blob")
    if len(content) > STUDY_BYTES_MAX:
        raise refuse("study-size", f"it has {len(content)} bytes of at most {STUDY_BYTES_MAX}", "pack it tighter")
    if move.ref != f"refs/autarch/studies/{sha256_hex(content)}":
        raise refuse("study-name", f"its bytes have SHA-256 {sha256_hex(content)}", "push it under that name")


def judge_revealed(book: Rulebook, move: Move) -> None:
    """Refuse unless CI writes, once, under the SHA-256 of its bytes, what the ledger says that a closed epoch revealed.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("ci",), "what an epoch reveals")
    new = _first_write(move, "revealed-immutable")
    content = _blob(book, new, "revealed-blob")
    if len(content) > REVEALED_BYTES_MAX:
        raise refuse("revealed-size", f"it has {len(content)} bytes of at most {REVEALED_BYTES_MAX}", "close earlier")
    digest = sha256_hex(content)
    if move.ref != f"{PREFIX}{digest}":
        raise refuse("revealed-name", f"its bytes have SHA-256 {digest}", "push it under that name")
    trust = Trust(signers=book.signers(CI_SIGNERS), principal=CI_PRINCIPAL)
    entries = Ledger(book.repo, trust=trust).entries()
    if not any(s.entry.opening is not None and s.entry.opening.revealed == digest for s in entries):
        why = "no entry of the ledger closes an epoch with it"
        raise refuse("revealed-open", why, "close the epoch first: autarch ledger close")


def judge_ledger(book: Rulebook, move: Move) -> None:
    """Refuse unless CI appends signed entries to the ledger: one line of commits, each adding one file.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("ci",), "the ledger")
    if move.new is None:
        raise refuse("ledger-append", "the ledger is never deleted", _APPEND)
    if move.old is not None and not book.repo.is_ancestor(move.old, move.new):
        raise refuse("ledger-append", f"{move.new[:12]} does not descend from {move.old[:12]}", _APPEND)
    added = book.repo.commits(move.new, exclude=move.old)
    if len(added) > LEDGER_COMMITS_MAX:
        raise refuse("ledger-append", f"{len(added)} commits at once; at most {LEDGER_COMMITS_MAX}", "push in parts")
    trust = Trust(signers=book.signers(CI_SIGNERS), principal=CI_PRINCIPAL)
    try:
        Ledger(book.repo, trust=trust).extension(move.old, move.new)
    except (LedgerError, SignatureError) as error:
        raise refuse("ledger-append", str(error), _APPEND) from error


_APPEND = "fetch autarch/ledger and append signed entries to its tip"


def _first_write(move: Move, rule: str) -> str:
    if move.new is None or move.old is not None:
        raise refuse(rule, f"it exists at {(move.old or 'nowhere')[:12]}", _KEEP)
    return move.new


def _blob(book: Rulebook, oid: str, rule: str) -> bytes:
    if book.repo.kind_of(oid) != "blob":
        raise refuse(rule, f"it names a {book.repo.kind_of(oid)}", "push the blob itself")
    return book.repo.cat_blob(oid)
