"""Statuses of commits, kept in Git: `refs/autarch/statuses/<sha>` names a blob that lists them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import RefusedError
from autarch.forge.wire import StatusState
from autarch.repo.git import GitRepo

PREFIX = "refs/autarch/statuses/"
STATUSES_MAX = 1000
"""Statuses one commit may have, as on GitHub for each context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStatus:
    """A status to add."""

    context: str
    state: StatusState
    description: str = ""
    target_url: str = ""


class StatusRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One status of one commit."""

    id: int
    context: str
    state: StatusState
    description: str
    target_url: str
    author: str
    created_ms: EpochMs


class StatusStore:
    """Reads and writes the statuses of one repository. Only the forge writes them."""

    def __init__(self, repo: GitRepo, clock: Callable[[], EpochMs]) -> None:
        """Use `repo`, a bare repository, and `clock`, now in milliseconds since the epoch."""
        self._repo = repo
        self._clock = clock
        self._lock = threading.Lock()

    def of(self, sha: str) -> tuple[StatusRecord, ...]:
        """Return the statuses of a commit, newest first."""
        return self._read(self._repo.read_ref(f"{PREFIX}{sha}"))

    def latest(self, sha: str) -> tuple[StatusRecord, ...]:
        """Return the newest status of each context of a commit, by context."""
        newest: dict[str, StatusRecord] = {}
        for status in self.of(sha):
            newest.setdefault(status.context, status)
        return tuple(newest[context] for context in sorted(newest))

    def add(self, sha: str, new: NewStatus, *, author: str) -> StatusRecord:
        """Add one status.

        Raises:
            RefusedError: the commit has `STATUSES_MAX` already.
        """
        with self._lock:
            ref = f"{PREFIX}{sha}"
            old = self._repo.read_ref(ref)
            known = self._read(old)
            if len(known) >= STATUSES_MAX:
                raise RefusedError(f"{sha[:12]} has {len(known)} statuses; push a new head instead of adding more")
            added = StatusRecord(
                id=len(known) + 1,
                context=new.context,
                state=new.state,
                description=new.description,
                target_url=new.target_url,
                author=author,
                created_ms=self._clock(),
            )
            self._repo.update_ref(ref, self._repo.write_blob(msgspec.json.encode((added, *known))), old=old)
            return added

    def _read(self, oid: str | None) -> tuple[StatusRecord, ...]:
        if oid is None:
            return ()
        return msgspec.json.decode(self._repo.cat_blob(oid), type=tuple[StatusRecord, ...], strict=True)


def combine(latest: tuple[StatusRecord, ...]) -> StatusState:
    """Return GitHub's combined state: failure if any failed or erred, pending if any waits or none exists."""
    states = {status.state for status in latest}
    if states & {"failure", "error"}:
        return "failure"
    return "success" if states == {"success"} else "pending"
