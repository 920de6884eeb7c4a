"""Check that commits of the ledger are links of one chain: pure, over what was read from Git."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autarch.evidence.ledger_entry import LedgerError, Sealed, entry_path, parse_entry, record_digest
from autarch.repo.objects import REGULAR, DiffEntry
from autarch.repo.signing import SignatureError, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One commit of the ledger: what it changes against its first parent, and the record it adds."""

    commit: str
    parents: tuple[str, ...]
    changes: tuple[DiffEntry, ...]
    record: bytes


def added_blob(commit: str, changes: tuple[DiffEntry, ...]) -> str:
    """Return the blob that a ledger commit adds.

    Raises:
        LedgerError: the commit changes, removes or adds anything else.
    """
    if len(changes) != 1 or changes[0].status != "A" or changes[0].new_mode != REGULAR:
        found = ", ".join(f"{entry.status} {entry.path}" for entry in changes[:5]) or "nothing"
        raise LedgerError(
            f"ledger commit {commit[:12]} must add exactly one file and changes {found}: the ledger was tampered with"
        )
    return changes[0].new_oid


def check_chain(links: Iterable[Link], *, parent: str, after: Sealed | None) -> list[Sealed]:
    """Return the entries of `links`, oldest first, that continue the ledger behind commit `parent`.

    Signatures are not checked here: the caller decides of which records.

    Args:
        links: What to check.
        parent: The commit the first link must follow.
        after: The entry `parent` added; None when it is the ledger's empty beginning.

    Raises:
        LedgerError: a merge, a gap, another file, a number or a digest that does not continue.
    """
    sealed: list[Sealed] = []
    tip, previous = parent, after
    for link in links:
        if link.parents != (tip,):
            raise LedgerError(
                f"ledger commit {link.commit[:12]} has parents {_short(link.parents)}, expected {tip[:12]}: "
                "the ledger is one line without merges, and this is another history"
            )
        current = open_link(link)
        _check_place(current, previous)
        sealed.append(current)
        tip, previous = link.commit, current
    return sealed


def open_link(link: Link) -> Sealed:
    """Return the entry of one link, its place in the tree checked, its signature and predecessor not.

    Raises:
        LedgerError: the record does not parse or stands under another number.
    """
    try:
        entry = parse_entry(read_record(link.record))
    except SignatureError as error:
        raise LedgerError(f"ledger commit {link.commit[:12]}: {error}") from error
    added_blob(link.commit, link.changes)
    if link.changes[0].path != entry_path(entry.seq):
        raise LedgerError(
            f"ledger commit {link.commit[:12]} puts entry {entry.seq} at {link.changes[0].path}, "
            f"expected {entry_path(entry.seq)}"
        )
    return Sealed(entry=entry, digest=record_digest(link.record), commit=link.commit)


def _check_place(sealed: Sealed, before: Sealed | None) -> None:
    seq, prev = (1, None) if before is None else (before.entry.seq + 1, before.digest)
    if sealed.entry.seq != seq or sealed.entry.prev != prev:
        raise LedgerError(
            f"ledger entry {sealed.entry.seq} follows {sealed.entry.prev}, expected number {seq} following {prev}: "
            "an entry was altered, dropped or inserted"
        )


def _short(oids: tuple[str, ...]) -> str:
    return ", ".join(oid[:12] for oid in oids) or "none"
