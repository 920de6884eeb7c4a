"""Pull requests kept in Git: `refs/autarch/pulls/<n>` is a chain of commits, each holding pull.json.

Every change is a commit whose subject says what happened and who did it, moved by compare-and-swap,
so the chain is also the audit log. Only the forge writes these references; reads come from memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.forge.keeping import keep, parse
from autarch.forge.wire import ReviewEvent, Role
from autarch.repo.git import GitRepo

PREFIX = "refs/autarch/pulls/"
ISSUES = "refs/autarch/issues/"
FILE = "pull.json"
ENTRIES_MAX = 1000  # comments, and reviews, of one pull request
GateState = Literal["queued", "running", "accepted", "rejected", "undecided"]
COMMENTS_PER_PULL = 1_000_000  # a comment's id is number x this + its place, so that an id alone finds its pull request


class CommentRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One comment."""

    id: int
    author: str
    body: str
    created_ms: EpochMs
    updated_ms: EpochMs


class ReviewRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One review of one commit. `role` is the reviewer's when it was written."""

    id: int
    author: str
    role: Role
    event: ReviewEvent
    commit: str
    body: str
    created_ms: EpochMs


class GateRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The newest gate run. It speaks of `head` judged against `base` under `policy` and of nothing else."""

    state: GateState
    head: str
    base: str
    policy: str
    sentence: str = ""


class PullRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the forge knows of one pull request. `base` is where main stood when it was opened.

    `requested` are logins whose review is asked for.
    """

    schema: Literal[1] = 1
    number: int
    title: str
    body: str
    author: str
    role: Role
    head_ref: str
    head: str
    base: str
    state: Literal["open", "closed"] = "open"
    merge_commit: str | None = None
    merged_by: str | None = None
    labels: tuple[str, ...] = ()
    comments: tuple[CommentRecord, ...] = ()
    reviews: tuple[ReviewRecord, ...] = ()
    requested: tuple[str, ...] = ()
    gate: GateRecord | None = None
    created_ms: EpochMs
    updated_ms: EpochMs
    closed_ms: EpochMs | None = None

    @property
    def merged(self) -> bool:
        """True once a merge commit on main carries it."""
        return self.merge_commit is not None

    def approved_at(self, commit: str) -> bool:
        """Return True when the last judgement of each human on `commit` contains an approval and no objection."""
        last: dict[str, ReviewEvent] = {}
        for review in self.reviews:
            if review.role == "human" and review.commit == commit and review.event != "COMMENT":
                last[review.author] = review.event
        return "APPROVE" in last.values() and "REQUEST_CHANGES" not in last.values()


def parse_record(content: bytes) -> PullRecord:
    """Return the pull request in `content`, the bytes of pull.json.

    Raises:
        ConfigError: damaged, or written by another version.
    """
    return parse(content, PullRecord, what="pull request")


class PullStore:
    """All pull requests of one repository, written to Git and remembered in memory."""

    def __init__(self, repo: GitRepo, clock: Callable[[], EpochMs]) -> None:
        """Read every stored pull request.

        Args:
            repo: The forge's bare repository.
            clock: Now, in milliseconds since the epoch.
        """
        self._repo = repo
        self._clock = clock
        self._lock = threading.RLock()
        self._tips: dict[int, str] = {}
        self._records: dict[int, PullRecord] = {}
        for ref, tip in repo.refs(PREFIX).items():
            content = repo.blob_at(tip, FILE)
            if content is None:
                raise ConfigError(f"{ref} holds no {FILE}; the forge's state is damaged: restore it from a backup")
            record = parse_record(content)
            self._tips[record.number], self._records[record.number] = tip, record

    def all(self) -> tuple[PullRecord, ...]:
        """Return every pull request, oldest first."""
        with self._lock:
            return tuple(self._records[number] for number in sorted(self._records))

    def open(self) -> tuple[PullRecord, ...]:
        """Return the open ones, oldest first."""
        return tuple(record for record in self.all() if record.state == "open")

    def get(self, number: int) -> PullRecord | None:
        """Return one pull request, or None."""
        with self._lock:
            return self._records.get(number)

    def create(self, make: Callable[[int, EpochMs], PullRecord]) -> PullRecord:
        """Store the pull request `make(number, now)` under the next free number."""
        with self.numbering() as number:
            record = make(number, self._clock())
            self._write(record, why=f"Open pull request {record.number} by {record.author}")
            return record

    @contextmanager
    def numbering(self) -> Iterator[int]:
        """Hold the counter that pull requests and issues share, and give the next free number."""
        with self._lock:
            issues = (int(ref.removeprefix(ISSUES)) for ref in self._repo.refs(ISSUES))
            yield max([*self._records, *issues], default=0) + 1

    def change(self, number: int, change: Callable[[PullRecord, EpochMs], PullRecord], *, why: str) -> PullRecord:
        """Replace a pull request by what `change(record, now)` makes of it; an equal record writes nothing.

        Raises:
            KeyError: there is no such pull request.
        """
        with self._lock:
            old, now = self._records[number], self._clock()
            new = change(old, now)
            if new != old:
                new = msgspec.structs.replace(new, updated_ms=now)
                self._write(new, why=why)
            return new

    def _write(self, record: PullRecord, *, why: str) -> None:
        ref, tip = f"{PREFIX}{record.number}", self._tips.get(record.number)
        commit = keep(self._repo, ref, record, file=FILE, why=why, when_ms=record.updated_ms, after=tip)
        self._tips[record.number], self._records[record.number] = commit, record
