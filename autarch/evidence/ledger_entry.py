"""One entry of the ledger: its format (schema 1), its bytes, where it stands in the tree."""

from __future__ import annotations

from typing import Literal

import msgspec

from autarch.canonical import Sha256, sha256_hex
from autarch.errors import RefusedError
from autarch.verdict import GateVerdict, LaneWord, LookWord

SCHEMA = 1
SEQ_MAX = 99_999_999
EntryKind = Literal["reservation", "lane", "look", "result", "closed", "study", "judgement", "forward", "epoch"]
JudgeWord = Literal["may be promoted", "may not", "not computed"]
Tier = Literal["T0", "T1", "T2", "T3"]
ADDED_LATER = frozenset({"lane", "look", "returns", "sharpe", "judgement", "forward", "opening", "cutoff_ms"})
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


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One look of the evidence check at the holdout: its word, and an HMAC of the numbers behind it.

    `sealed` is opened by the epoch's closing; see `autarch.evidence.sealing`.
    """

    word: LookWord
    sealed: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One test for promotion.

    `test` counts an epoch's tests from 1, `level` is what LORD++ allowed it, `wealth` what was left after it.
    `forward_to_ms` is the end of the newest forward bar it rests on, None for none; `asked_by` the human.
    """

    test: int
    level: float
    wealth: float
    word: JudgeWord
    sealed: str
    asked_by: str
    forward_to_ms: int | None = None


class Forward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What forward bars say of a strategy on main: e-value over `days` up to `to_ms`, and the tier it may hold."""

    e_value: float
    days: int
    from_ms: int
    to_ms: int
    tier: Tier


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms on which an epoch may be asked, fixed by its first question; closing it reveals what was sealed.

    `revealed` is the SHA-256 of the revealed numbers, stored beside the ledger; None while the epoch is open.
    """

    alpha: float
    w0: float
    ladder_step: float
    rule: str
    revealed: str | None = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact, signed. What does not apply is None.

    A `reservation` is written before any score exists. A `lane` holds the one word about the hidden bars
    that its reservation's candidate was told, a `look` the holdout's. A `result` names the reservation it answers,
    a `closed` entry one whose proposal was stopped before any score, by the check `stopped`. A `study`
    is trials without a proposal. A `judgement` is a test for promotion, a `forward` what unseen bars say since, an
    `epoch` its terms or its closing. `returns` holds a scored candidate's packed daily train returns in base64,
    `sharpe` is their Sharpe ratio a day. `prev` and `reservation` are SHA-256 of whole signed records, `dataset`
    is name@digest, `recorded_ms` the writer's clock. A reservation's `cutoff_ms` is where the knowledge of the model
    that wrote the proposal ends, epoch ms, as the proposal says.
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
    look: Look | None = None
    returns: str | None = None
    sharpe: float | None = None
    judgement: Judgement | None = None
    forward: Forward | None = None
    opening: Opening | None = None
    cutoff_ms: int | None = None


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
    follows = answers or entry.kind in {"lane", "look"}
    proposed = follows or entry.kind == "reservation"
    about = (entry.slug, entry.decisions, entry.dataset, entry.epoch)
    rules = (
        (
            follows == (entry.reservation is not None),
            "only lanes, looks, results and closings name a reservation, and they must",
        ),
        *(
            ((entry.kind == kind) == (value is not None), f"{kind} entries have {name} and nothing else has")
            for kind, name, value in (
                ("lane", "their word", entry.lane),
                ("look", "their word", entry.look),
                ("result", "a verdict", entry.verdict),
                ("closed", "the check that stopped it", entry.stopped),
                ("judgement", "their test", entry.judgement),
                ("forward", "what they found", entry.forward),
                ("epoch", "its terms", entry.opening),
            )
        ),
        (entry.kind != "study" or entry.inner is not None, "a study states its trials"),
        (not proposed or None not in {entry.head, entry.base, entry.slug}, "it names head, base and slug"),
        (
            entry.kind not in {"judgement", "forward"} or None not in about,
            "it names slug, decisions, data set and epoch",
        ),
        (entry.kind != "epoch" or None not in {entry.dataset, entry.epoch}, "it names data set and epoch"),
        (entry.evidence is None or answers, "only results and closings have evidence"),
        (entry.returns is None or entry.kind == "result", "only results have returns"),
        ((entry.returns is None) == (entry.sharpe is None), "returns and their Sharpe ratio come together"),
        (entry.inner is None or entry.inner.count >= 0, "a count of trials is not negative"),
        (entry.judgement is None or entry.judgement.test >= 1, "tests are counted from 1"),
        (entry.recorded_ms >= 0, "its time is negative"),
        (entry.cutoff_ms is None or entry.kind == "reservation", "only reservations have a model's cutoff"),
    )
    return next((text for holds, text in rules if not holds), None)
