"""Close an epoch: open every seal of it, publish the numbers, and let its holdout answer nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from autarch.canonical import sha256_hex
from autarch.errors import RefusedError, UsageError
from autarch.evidence.ledger_entry import SCHEMA, LedgerEntry, Opening, Sealed
from autarch.evidence.revealed import PREFIX, closing_of, reveal, terms_in
from ci.promotion.desk import PromotionDesk, present


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An epoch that is closed: the entry that says so, and the digest of its revealed numbers."""

    dataset: str
    epoch: str
    seq: int
    revealed: str

    def to_json(self) -> dict[str, object]:
        """Return the object of `autarch ledger close --json`."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


def close_epoch(desk: PromotionDesk, dataset: str, number: int | None, also: Sequence[bytes] = ()) -> Closed:
    """Reveal what was sealed in epoch `number` of data set `dataset` (a name) and append its closing.

    Args:
        desk: The trusted side.
        dataset: Its name.
        number: Of the epoch; None: the one of main's lock.
        also: Other keys than the desk's that seals may have been made with.

    Killed before the numbers are published, it publishes them when it is run again.

    Raises:
        UsageError: it never began.
        RefusedError: it is closed already, a seal was made with another key, or somebody asked meanwhile.
        LedgerError, PushRefusedError: the closing cannot be recorded.
    """
    now = present(desk)
    epoch = str(now.inputs.lock.epoch.number if number is None else number)
    keys = (desk.key.read_bytes(), *also)
    terms = terms_in(now.entries, dataset=dataset, epoch=epoch)
    if terms is None:
        raise UsageError(f"epoch {epoch} of {dataset} never began: nothing was asked of its holdout")
    content = reveal(now.entries, dataset=dataset, epoch=epoch, gate_keys=keys)
    digest = sha256_hex(content)
    ref = f"{PREFIX}{digest}"
    is_there = ref in desk.repo.ls_remote(desk.remote, ref)
    known = closing_of(now.entries, dataset=dataset, epoch=epoch)
    if known is None:

        def entry(entries: tuple[Sealed, ...]) -> LedgerEntry:
            _require_unchanged(entries, content, dataset=dataset, epoch=epoch, keys=keys)
            return _entry(desk, entries, Closing(dataset=dataset, epoch=epoch, terms=terms[1], digest=digest))

        added = now.ledger.derive(entry, key=desk.key)
        known = None if added is None else added.entry
    elif is_there or known.opening is None or known.opening.revealed != digest:
        raise RefusedError(
            f"epoch {epoch} of {dataset} was closed by ledger entry {known.seq}; read it: autarch ledger reveal "
            f"{dataset} --epoch {epoch}"
        )
    if known is None:
        raise RefusedError("the closing was not added")
    if not is_there:  # after the entry: numbers of an epoch that is still open must not be readable
        desk.repo.push(desk.remote, {ref: desk.repo.write_blob(content)}, leases={ref: None})
    return Closed(dataset=dataset, epoch=epoch, seq=known.seq, revealed=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What the entry that closes an epoch says."""

    dataset: str
    epoch: str
    terms: Opening
    digest: str


def _require_unchanged(
    entries: tuple[Sealed, ...], content: bytes, *, dataset: str, epoch: str, keys: Sequence[bytes]
) -> None:
    """Refuse unless the epoch is open, and `content` is still all that was sealed in it."""
    is_closed = closing_of(entries, dataset=dataset, epoch=epoch) is not None
    if is_closed or reveal(entries, dataset=dataset, epoch=epoch, gate_keys=keys) != content:
        raise RefusedError(f"somebody asked epoch {epoch} of {dataset}, or closed it, meanwhile; look again")


def _entry(desk: PromotionDesk, entries: tuple[Sealed, ...], closing: Closing) -> LedgerEntry:
    """Return the entry that closes an epoch."""
    dataset, epoch = closing.dataset, closing.epoch
    newest = next(s.entry for s in reversed(entries) if s.entry.epoch == epoch and _name(s.entry) == dataset)
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="epoch",
        recorded_ms=desk.clock_ms(),
        dataset=newest.dataset,
        epoch=epoch,
        opening=msgspec.structs.replace(closing.terms, revealed=closing.digest),
    )


def _name(entry: LedgerEntry) -> str:
    return (entry.dataset or "").partition("@")[0]
