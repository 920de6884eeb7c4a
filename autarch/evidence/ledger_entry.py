"""One entry of the ledger: its format (schema 1), its bytes, where it stands in the tree."""

from __future__ import annotations

from typing import Literal

import msgspec

from autarch.canonical import Sha256, sha256_hex
from autarch.errors import RefusedError
from autarch.verdict import GateVerdict, LaneWord

SCHEMA = 1
SEQ_MAX = 99_999_999
EntryKind = Literal["reservation", "lane", "result", "closed", "study"]
ADDED_LATER = frozenset({"lane"})
"""Keys that entries written before they existed leave out."""


class LedgerError(RefusedError):
    """The ledger was altered, rewritten, forked or signed by a stranger: nothing may be counted from it."""


class InnerTrials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A study behind a proposal.

    `sharpe_variance` is that of the trials' annual Sharpe ratios (None: unknown), `sidecar` the
    SHA-256 of the packed trials (None: none were kept).
    """

    count: int
    sharpe_variance: float | None = None
    sidecar: str | None = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact, signed. What does not apply is None.

    A `reservation` is written before any score exists. A `lane` holds the one word about the hidden bars
    that its reservation's candidate was told. A `result` names the reservation it answers,
    a `closed` entry one whose proposal was stopped before any score, by the check `stopped`. A `study`
    is trials without a proposal. `prev` and `reservation` are SHA-256 of whole signed records, `dataset`
    is name@digest, `recorded_ms` the writer's clock.
    """

    schema: int
    seq: int
    prev: str | None
    kind: EntryKind
    recorded_ms: int
    pr: int | None = None
    head: str | None = None
    base: str | None = None
    slug: str | None = None
    tree: str | None = None
    decisions: str | None = None
    dataset: str | None = None
    epoch: str | None = None
    evidence: str | None = None
    verdict: GateVerdict | None = None
    stopped: str | None = None
    inner: InnerTrials | None = None
    reservation: str | None = None
    lane: LaneWord | None = None


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with the digest of its signed record and the commit that added it."""

    entry: LedgerEntry
    digest: Sha256
    commit: str


def entry_path(seq: int) -> str:
    """Return where entry `seq` stands: two levels of folders, at most 100 entries and 100 folders in each.

    Raises:
        LedgerError: `seq` is out of range.
    """
    if not 1 <= seq <= SEQ_MAX:
        raise LedgerError(f"entry number {seq} is out of range; a ledger holds 1 to {SEQ_MAX}")
    name = f"{seq:08d}"
    return f"entries/{name[:4]}/{name[4:6]}/{name}"


def entry_body(entry: LedgerEntry) -> dict[str, object]:
    """Return the JSON object of `entry`, every key present."""
    body = msgspec.to_builtins(entry)
    return {str(key): value for key, value in body.items()}


def parse_entry(body: dict[str, object]) -> LedgerEntry:
    """Return the entry in a verified record's body.

    Raises:
        LedgerError: unknown, missing or ill-typed keys, or fields its kind must or must not have.
    """
    try:
        entry = msgspec.convert(body, LedgerEntry, strict=True)
    except msgspec.ValidationError as error:
        raise LedgerError(f"a ledger entry does not parse: {error}") from error
    if entry.schema != SCHEMA:
        raise LedgerError(f"a ledger entry has schema {entry.schema}; this version reads {SCHEMA}")
    if set(LedgerEntry.__struct_fields__) - set(body) - ADDED_LATER:
        raise LedgerError(f"ledger entry {entry.seq} leaves out keys; every key must be written, None as null")
    problem = _problem(entry)
    if problem is not None:
        raise LedgerError(f"ledger entry {entry.seq} ({entry.kind}): {problem}")
    return entry


def record_digest(record: bytes) -> Sha256:
    """Return what the next entry's `prev` says of this signed record."""
    return sha256_hex(record)


def _problem(entry: LedgerEntry) -> str | None:
    answers = entry.kind in {"result", "closed"}
    follows = answers or entry.kind == "lane"
    rules = (
        (
            follows == (entry.reservation is not None),
            "only lanes, results and closings name a reservation, and they must",
        ),
        ((entry.kind == "lane") == (entry.lane is not None), "a lane has its word and nothing else has one"),
        ((entry.kind == "result") == (entry.verdict is not None), "a result has a verdict and nothing else has one"),
        ((entry.kind == "closed") == (entry.stopped is not None), "only a closing names the check that stopped it"),
        (entry.kind != "study" or entry.inner is not None, "a study states its trials"),
        (entry.kind == "study" or None not in {entry.head, entry.base, entry.slug}, "it names head, base and slug"),
        (entry.evidence is None or answers, "only results and closings have evidence"),
        (entry.inner is None or entry.inner.count >= 0, "a count of trials is not negative"),
        (entry.recorded_ms >= 0, "its time is negative"),
    )
    return next((text for holds, text in rules if not holds), None)
