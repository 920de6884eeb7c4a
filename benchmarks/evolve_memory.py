"""A repository that forgets: what the loop writes while it is measured, without a process for each object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from autarch.canonical import canonical_json
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person, TreeEntry, format_tree, object_id


class MemoryRepo(GitRepo):
    """Blobs and references in memory, enough for a journal and for candidates that nobody checks out.

    Blobs and trees of a journal have Git's names; a candidate's tree and every commit have names of their own, since
    nothing here reads what is in them.
    """

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__(Path())
        self._blobs: dict[str, bytes] = {}
        self._refs: dict[str, str] = {}

    def read_ref(self, ref: str) -> str | None:
        """Return where a reference is."""
        return self._refs.get(ref)

    def update_ref(self, ref: str, new: str | None, *, old: str | None) -> None:  # noqa: ARG002  nobody else writes
        """Move a reference, or with None take it away."""
        if new is None:
            self._refs.pop(ref, None)
        else:
            self._refs[ref] = new

    def cat_blob(self, oid: str) -> bytes:
        """Return a blob."""
        return self._blobs[oid]

    def write_blob(self, content: bytes) -> str:
        """Keep a blob."""
        oid = object_id("blob", content)
        self._blobs[oid] = content
        return oid

    def write_tree(self, entries: Iterable[TreeEntry]) -> str:
        """Return a tree's name."""
        return object_id("tree", format_tree(entries))

    def tree_of(self, commit: str) -> str:
        """Return a name for a commit's tree."""
        return commit

    def with_files(self, tree: str | None, changes: Mapping[str, bytes | None]) -> str:
        """Return a name for a changed tree."""
        named = [[path, object_id("blob", content or b"")] for path, content in sorted(changes.items())]
        return object_id("tree", canonical_json([tree or "", named]))

    def commit_tree(
        self, tree: str, *, parents: Sequence[str], message: str, author: Person, committer: Person | None = None
    ) -> str:
        """Return a commit's name."""
        by = committer or author
        return object_id("commit", canonical_json([tree, list(parents), message, author.when_s, by.when_s]))
