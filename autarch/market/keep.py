"""Put a data set where it belongs: blobs first, then the lock; a lock that exists already is the referee."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from autarch.errors import DataError
from autarch.market.build import Recipe, build, write_blobs, write_lock
from autarch.market.compare import changed_terms, revised_row
from autarch.market.lock import load_lock
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores

Maker = Literal["synth", "import", "sync"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is on disk now. `notes` are for the reader: what the lock keeps although the source says otherwise."""

    lock: DatasetLock
    path: Path
    unchanged: bool
    notes: tuple[str, ...] = ()


def keep(recipe: Recipe, path: Path, stores: Stores, *, maker: Maker, replace: bool) -> Kept:
    """Write the blobs of `recipe` and its lock to `path`.

    A lock at `path` that names the same bytes stays as it is, also when a venue has since changed its filters:
    the bytes are written again. One that names other bytes is refused before the first byte, unless `replace`;
    a lock of other bytes is then the next epoch. Epoch and costs, which no source states, stay as the lock has them.

    Raises:
        DataError: the rows do not make a data set, the lock at `path` says otherwise, or a store fails.
    """
    known = _known(path, replace=replace)
    if known is not None:
        recipe = dataclasses.replace(recipe, epoch=known.epoch, costs=known.costs)
    built = build(recipe)
    if known is None or replace:
        if known is not None and (known.series, known.splits) != (built.lock.series, built.lock.splits):
            number = known.epoch.number + 1
            built = build(dataclasses.replace(recipe, epoch=msgspec.structs.replace(known.epoch, number=number)))
        write_blobs(built, stores)
        write_lock(built.lock, path)
        return Kept(lock=built.lock, path=path, unchanged=False)
    if known.digest != built.lock.digest and not (maker == "sync" and _same_bars(known, built.lock)):
        row = None if maker == "synth" else revised_row(known, recipe.raws, stores)
        raise DataError(_refusal(known, built.lock, path, maker) if row is None else _revision(known, path, row))
    write_blobs(built, stores)
    return Kept(lock=known, path=path, unchanged=True, notes=_notes(known, built.lock))


def _same_bars(known: DatasetLock, new: DatasetLock) -> bool:
    """True when two locks differ at most in where the bars came from and in what the venue states today."""
    return known.digest == msgspec.structs.replace(new, instruments=known.instruments, origin=known.origin).digest


def _notes(known: DatasetLock, new: DatasetLock) -> tuple[str, ...]:
    """Return what the lock keeps although the source says otherwise now."""
    notes: list[str] = []
    changes = "; ".join(changed_terms(known.instruments, new.instruments))
    if changes:
        notes.append(f"the venue changed its terms; the lock keeps the earlier ones (--replace takes these): {changes}")
    if known.origin != new.origin:
        notes.append(f"the lock names {known.origin!r} as the origin; these bytes, the same, are {new.origin!r}")
    return tuple(notes)


def _known(path: Path, *, replace: bool) -> DatasetLock | None:
    """Return the lock at `path`; one that cannot be read is in the way, unless it is to be replaced."""
    if not path.is_file():
        return None
    try:
        return load_lock(path)
    except DataError:
        if not replace:
            raise
        return None


def _revision(known: DatasetLock, path: Path, row: str) -> str:
    return (
        f"{path} is {known.ref}, and history was revised: {row}. Nothing was written. Find out which is right; "
        "--replace makes a data set of the new bytes, which opens a new epoch"
    )


def _refusal(known: DatasetLock, new: DatasetLock, path: Path, maker: Maker) -> str:
    cure = "Choose another --name" + (", or pass --replace, which opens a new epoch" if maker != "synth" else "")
    if known.origin == new.origin and maker == "synth":
        cure = "The same seed gave other bytes: install the numpy that requirements.lock names"
    return f"{path} is {known.ref}, these bytes are {new.ref}: {_difference(known, new)}. Nothing was written. {cure}"


def _difference(old: DatasetLock, new: DatasetLock) -> str:
    """Return the first part in which two locks differ, named for a reader."""
    for before, after in zip(old.series, new.series, strict=False):
        if before != after:
            return f"{after.label} differs"
    fields = [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    return f"{', '.join(fields)} differ"
