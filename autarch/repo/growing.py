"""Trees that change by whole files: worked out here, then stored by one process however deep they are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from autarch.repo import objects
from autarch.repo.objects import FOLDER, TreeEntry
from autarch.repo.store import ObjectStore

Changes = Mapping[str, bytes | None]

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")
"""Folders that git can be asked for by name, several at once: no line end, nothing that git reads as a direction."""


def grow(store: ObjectStore, tree: str | None, changes: Changes) -> str:
    """Store the tree that `tree` becomes when `changes` (path: bytes, or None to remove) are applied; return its id.

    Raises:
        ValueError: one path is to be a file and to hold files.
    """
    if tree is not None:
        store.foresee(tree, sorted({folder for path in changes for folder in _folders(path)}))
    growth = _Growth(store, store.object_format(like=tree))
    grown = growth.into(tree, changes) or growth.name("tree", b"")
    store.write(growth.made)
    return grown


class _Growth:
    """What is made on the way to a grown tree."""

    def __init__(self, store: ObjectStore, like: str) -> None:
        self._store = store
        self._like = like
        self.made: dict[str, tuple[str, bytes]] = {}

    def name(self, kind: str, content: bytes) -> str:
        oid = objects.object_id(kind, content, like=self._like)
        self.made[oid] = (kind, content)
        return oid

    def into(self, tree: str | None, changes: Changes) -> str | None:
        """Return what `tree` becomes, or None where nothing is left of it."""
        entries = {entry.path: entry for entry in (self._store.tree(tree) if tree is not None else ())}
        below: dict[str, dict[str, bytes | None]] = {}
        own: dict[str, bytes] = {}
        for path, content in changes.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = content
            elif content is None:
                entries.pop(name, None)
            else:
                own[name] = content
        for name, inner in below.items():
            old = entries.pop(name, None)
            oid = self.into(old.oid if old is not None and old.mode == FOLDER else None, inner)
            if oid is not None and name in own:
                raise ValueError(f"{name!r} cannot be a file and hold {min(inner)!r}; leave one of them out")
            if oid is not None:
                entries[name] = TreeEntry(mode=FOLDER, oid=oid, path=name)
        for name, content in own.items():  # last: a file may take the place of a folder that was emptied
            entries[name] = TreeEntry(mode=objects.REGULAR, oid=self.name("blob", content), path=name)
        return self.name("tree", objects.format_tree(entries.values())) if entries else None


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    folders = ["/".join(parts[: at + 1]) for at in range(len(parts))]
    return [folder for folder in folders if _PLAIN.match(folder)]
