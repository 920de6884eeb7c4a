"""The loop's memory: a line of commits in the workspace's own repository, one record each.

Each commit's tree holds `record.json` and what is attached to it, its first parent is the record before, a second
parent keeps a candidate's commit from being collected. A record counts once the reference has moved, so a process
that dies in between leaves the journal as it was. Branch `agent/evolve/journal` of the forge mirrors it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

from agents.evolution.records import Record
from autarch.canonical import canonical_json
from autarch.errors import RefusedError
from autarch.repo import objects
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

JOURNAL_REF = "refs/autarch/evolution/journal"
MIRROR_REF = "refs/heads/agent/evolve/journal"
RECORD_NAME = "record.json"
ATTACHED_BYTES_MAX = 16 << 20
_EMAIL = "agent@autarch.invalid"


class JournalError(RefusedError):
    """The journal was altered, does not parse, or was written by two at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A record with the commit that holds it, and the object ids of what is attached, by name."""

    record: Record
    commit: str
    attached: Mapping[str, str] = field(default_factory=dict)


class Journal:
    """Reads and extends the journal of one repository."""

    def __init__(self, repo: GitRepo) -> None:
        """Open the journal of `repo`; nothing is read yet."""
        self._repo = repo
        self._known: tuple[Noted, ...] | None = None

    def head(self) -> str | None:
        """Return the newest commit, None for an empty journal."""
        return self._repo.read_ref(JOURNAL_REF)

    def read(self) -> tuple[Noted, ...]:
        """Return every record, oldest first. What others write after the first question is not seen: one loop a time.

        Raises:
            JournalError: a commit holds no record of this format.
        """
        if self._known is None:
            head = self.head()
            listed = () if head is None else self._repo.commits(head, first_parent=True)
            self._known = self._noted(tuple(reversed(listed)))
        return self._known

    def append(self, record: Record, *, attached: Mapping[str, bytes] | None = None, keep: str | None = None) -> Noted:
        """Add `record` and return it once the reference has moved.

        Args:
            record: The fact.
            attached: File name -> bytes, kept beside it.
            keep: A commit that must not be collected while the journal lives.

        Raises:
            JournalError: too much is attached.
            StaleRefError: another process wrote meanwhile.
        """
        body = canonical_json(msgspec.to_builtins(record))
        known = self.read()
        size = len(body) + sum(map(len, (attached or {}).values()))
        if size > ATTACHED_BYTES_MAX:
            raise JournalError(f"a record with {size} bytes; at most {ATTACHED_BYTES_MAX} are kept")
        before = known[-1].commit if known else None
        oids = {name: self._repo.write_blob(content) for name, content in (attached or {}).items()}
        named = {**oids, RECORD_NAME: self._repo.write_blob(body)}
        tree = self._repo.write_tree(objects.TreeEntry(mode=objects.REGULAR, oid=o, path=n) for n, o in named.items())
        commit = self._repo.commit_tree(
            tree,
            parents=[] if before is None else [oid for oid in (before, keep) if oid is not None],
            message=f"{type(record).__name__} {record.run}\n",
            author=Person(name="evolve", email=_EMAIL, when_s=record.when_s),
        )
        self._repo.update_ref(JOURNAL_REF, commit, old=before)
        noted = Noted(record=record, commit=commit, attached=oids)
        self._known = (*known, noted)
        return noted

    def attachment(self, noted: Noted, name: str) -> bytes | None:
        """Return what is attached under `name`, None where nothing is."""
        oid = noted.attached.get(name)
        return None if oid is None else self._repo.cat_blob(oid)

    def mirror(self, remote: Remote) -> None:
        """Bring the forge's copy up to date with ours.

        Raises:
            StaleRefError, PushRefusedError, GitError: the forge has another journal, refuses, or is away.
        """
        head = self.head()
        if head is not None and self._repo.ls_remote(remote, MIRROR_REF).get(MIRROR_REF) != head:
            self._repo.push(remote, {MIRROR_REF: head})

    def recover(self, remote: Remote) -> None:
        """Take the forge's copy where ours is missing or behind; what only we have stays.

        Raises:
            JournalError: the two have parted: somebody evolves elsewhere.
        """
        there = self._repo.ls_remote(remote, MIRROR_REF).get(MIRROR_REF)
        here = self.head()
        if there is None or there == here:
            return
        self._repo.fetch(remote, [there])
        if here is None or self._repo.is_ancestor(here, there):
            self._repo.update_ref(JOURNAL_REF, there, old=here)
            self._known = None
        elif not self._repo.is_ancestor(there, here):
            raise JournalError(
                f"the forge's journal is at {there[:12]} and ours at {here[:12]}, and neither goes on from the other: "
                "one loop at a time. Keep one: git update-ref refs/autarch/evolution/journal COMMIT"
            )

    def _noted(self, commits: tuple[str, ...]) -> tuple[Noted, ...]:
        """Return the records of `commits`, in order; commits, trees and records are read together."""
        trees = [
            objects.parse_commit(oid, content).tree
            for oid, (_, content) in zip(commits, self._repo.read_objects(commits), strict=True)
        ]
        attached: list[dict[str, str]] = []
        for commit, (_, content) in zip(commits, self._repo.read_objects(trees), strict=True):
            found = {entry.path: entry.oid for entry in objects.parse_tree(content, oid_bytes=len(commit) // 2)}
            if RECORD_NAME not in found:
                raise JournalError(f"commit {commit[:12]} of the journal holds no {RECORD_NAME}; restore the reference")
            attached.append(found)
        bodies = self._repo.read_objects([found.pop(RECORD_NAME) for found in attached])
        return tuple(
            Noted(record=_parsed(content, commit), commit=commit, attached=found)
            for commit, found, (_, content) in zip(commits, attached, bodies, strict=True)
        )


def _parsed(content: bytes, commit: str) -> Record:
    try:
        return cast("Record", msgspec.json.decode(content, type=Record, strict=True))
    except msgspec.DecodeError as error:
        raise JournalError(f"commit {commit[:12]} of the journal does not parse: {error}") from error
