"""The closing of an epoch: every number that was sealed in it, with the key of its place, for anyone to check.

The file is canonical JSON under refs/autarch/revealed/<SHA-256>; the entry that closes the epoch names that digest.
A place's key opens that place alone, so closing one epoch says nothing of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from autarch.canonical import canonical_json, sha256_hex
from autarch.errors import RefusedError
from autarch.evidence.ledger_entry import LedgerEntry, LedgerError, Opening, Sealed
from autarch.evidence.sealing import opened, place_key, require_sealed
from autarch.market.lock_types import Epoch

PREFIX: Final = "refs/autarch/revealed/"
REVEALED_BYTES_MAX: Final = 64_000_000


class RevealedPlace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One seal opened: the entry it stands in, its place, that place's key in hex, and the numbers.

    `numbers` is None for a seal of a form that keeps none; it binds them all the same.
    """

    seq: int
    kind: str
    place: str
    key: str
    numbers: dict[str, Any] | None


class Revealed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All seals of one epoch."""

    schema: int
    dataset: str
    epoch: str
    places: list[RevealedPlace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Where a seal stands in the ledger."""

    entry: LedgerEntry
    place: str
    sealed: str


def place_of_test(*, dataset: str, epoch: str, test: int) -> str:
    """Return the name of the place that one test for promotion is sealed at; `dataset` is a name."""
    return f"{dataset}/{epoch}/test/{test}"


def seals_of(entries: Iterable[Sealed], *, dataset: str, epoch: str) -> Iterator[Seal]:
    """Yield every seal of an epoch, oldest first; a word that was told again is one seal."""
    seen: set[str] = set()
    for entry in (sealed.entry for sealed in entries):
        if entry.epoch != epoch or (entry.dataset or "").partition("@")[0] != dataset:
            continue
        if entry.look is not None and entry.look.sealed not in seen:
            seen.add(entry.look.sealed)
            yield Seal(entry=entry, place=str(entry.reservation), sealed=entry.look.sealed)
        if entry.judgement is not None:
            place = place_of_test(dataset=dataset, epoch=epoch, test=entry.judgement.test)
            yield Seal(entry=entry, place=place, sealed=entry.judgement.sealed)


def reveal(entries: Iterable[Sealed], *, dataset: str, epoch: str, gate_keys: Sequence[bytes]) -> bytes:
    """Return the file that closes an epoch.

    Args:
        entries: Of a verified ledger.
        dataset: Name of the data set.
        epoch: Its number.
        gate_keys: Keys that seals of it were made with; each seal is tried with each.

    Raises:
        RefusedError: a seal was made with another key.
    """
    places = []
    for seal in seals_of(entries, dataset=dataset, epoch=epoch):
        key, numbers = _opened(seal, gate_keys)
        places.append(
            RevealedPlace(seq=seal.entry.seq, kind=seal.entry.kind, place=seal.place, key=key.hex(), numbers=numbers)
        )
    return canonical_json(msgspec.to_builtins(Revealed(schema=1, dataset=dataset, epoch=epoch, places=places)))


def _opened(seal: Seal, gate_keys: Sequence[bytes]) -> tuple[bytes, dict[str, Any] | None]:
    keys = [place_key(gate_key, seal.place) for gate_key in gate_keys]
    if ":" not in seal.sealed:
        return keys[0], None
    for key in keys[:-1]:
        with suppress(RefusedError):
            return key, opened(key, seal.sealed)
    return keys[-1], opened(keys[-1], seal.sealed)


def closing_of(entries: Iterable[Sealed], *, dataset: str, epoch: str) -> LedgerEntry | None:
    """Return the entry that closed an epoch, or None while it is open."""
    own = (s.entry for s in entries if s.entry.epoch == epoch and (s.entry.dataset or "").partition("@")[0] == dataset)
    return next((entry for entry in own if entry.opening is not None and entry.opening.revealed is not None), None)


def terms_in(entries: Iterable[Sealed], *, dataset: str, epoch: str) -> tuple[Epoch, Opening] | None:
    """Return the terms that an epoch was begun with, as a lock and as an entry state them; None: it never began."""
    for entry in (sealed.entry for sealed in entries):
        if entry.opening is not None and entry.epoch == epoch and (entry.dataset or "").partition("@")[0] == dataset:
            said = entry.opening
            terms = Epoch(number=int(epoch), alpha=said.alpha, w0=said.w0, ladder_step=said.ladder_step)
            return terms, msgspec.structs.replace(said, revealed=None)
    return None


def read_revealed(content: bytes, entries: Iterable[Sealed], *, digest: str) -> Revealed:
    """Return what an epoch's file says after holding every number against its seal in the ledger.

    Args:
        content: The file.
        entries: Of a verified ledger.
        digest: SHA-256 that the closing entry names.

    Raises:
        RefusedError: it is another file, leaves a seal out, or a number is not what was sealed.
        LedgerError: it does not parse.
    """
    if sha256_hex(content) != digest:
        raise RefusedError(
            f"the revealed numbers have SHA-256 {sha256_hex(content)[:12]}, the ledger says {digest[:12]}; they were "
            "exchanged: fetch them from the forge again"
        )
    try:
        found = msgspec.json.decode(content, type=Revealed, strict=True)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"the revealed numbers do not parse: {error}; another version wrote them") from error
    places = {place.seq: place for place in found.places}
    for seal in seals_of(entries, dataset=found.dataset, epoch=found.epoch):
        place = places.pop(seal.entry.seq, None)
        if place is None or place.place != seal.place:
            raise RefusedError(f"the revealed numbers leave out ledger entry {seal.entry.seq}; ask whoever closed it")
        if place.numbers is not None:
            require_sealed(bytes.fromhex(place.key), place.numbers, seal.sealed)
    if places:
        raise RefusedError(f"the revealed numbers name entry {min(places)}, which sealed nothing in this epoch")
    return found
