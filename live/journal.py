"""The live journal: every decision, order, fill and halt of one account, append-only and hash-chained.

SQLite in WAL mode with synchronous=FULL: what `append` returned from has reached the disk. Each
event's hash covers its content and the hash before it, so an edit anywhere breaks the chain from
there on. `(account, symbol, bar) -> tag` is unique: no bar is ever traded by two releases. Schema 1.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from autarch.canonical import EpochMs
from autarch.errors import ConfigError, RefusedError
from live.journal_body import body_text
from live.stopping.process import sign

SCHEMA = 1
GENESIS = "0" * 64
KINDS = (
    "opened",  # a run begins: tag, engine, portfolio
    "decision",  # what the worker wanted at a bar, all symbols of a sleeve, and the digest of its inputs
    "plan",  # a bar opened with something to do: which symbols traded, what was skipped and why
    "intent",  # an order, written before it is sent
    "ack",  # the venue accepted it
    "resent",  # it never arrived; it went out again under its own name
    "rejected",  # the venue, or a limit of ours, refused it
    "done",  # it ended otherwise than by filling whole: how much did, and why
    "execution",  # a fill, a funding payment, a liquidation
    "foreign",  # an execution that no order of ours explains; the symbol is halted with it
    "stops",  # the venue holds these triggers for a position
    "stopped",  # the price was beyond a stop before it could be placed: the position is closed as it would have been
    "missed",  # an entry that was too late, or bars that nobody decided on
    "state",  # ACTIVE, REDUCING or HALTED, of the account or a symbol, and why
    "adopted",  # a human lets the books be what the venue holds
)

_DDL = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,
    body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE INDEX events_by_ref ON events (ref) WHERE ref <> '';
CREATE INDEX events_by_kind ON events (kind, seq);
CREATE TABLE bars (
    account TEXT NOT NULL, symbol TEXT NOT NULL, bar INTEGER NOT NULL, tag TEXT NOT NULL,
    PRIMARY KEY (account, symbol, bar)
) WITHOUT ROWID;
"""
_TABLES = ("meta", "events", "bars")
_SELECT = "SELECT seq, time_ms, kind, ref, body, prev, hash FROM events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry. `ref` is the orderLinkId or execId it speaks of, or empty; `time_ms` is the market's time."""

    seq: int
    time_ms: EpochMs
    kind: str
    ref: str
    body: Mapping[str, object]
    prev: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before it has a place in the chain."""

    time_ms: EpochMs
    kind: str
    body: Mapping[str, object]
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarClaim:
    """A release's claim on one bar of one symbol; `bar` is the bar's open in epoch ms."""

    symbol: str
    bar: EpochMs
    tag: str


class Journal:
    """One account's journal. A writer opens it exclusively; readers take `read_only=True`."""

    def __init__(self, path: Path, *, account: str, read_only: bool = False) -> None:
        """Open or create the journal at `path`.

        Raises:
            ConfigError: it belongs to another account, has a newer schema, is not a journal, does
                not exist (read_only), or another process writes to it.
        """
        self.path = path
        self.account = account
        if read_only and not path.exists():
            raise ConfigError(f"no journal at {path}; start trading with `autarch live run --tag TAG`")
        self._lock = None if read_only else _lock(path)
        try:
            self._db = _connect(path, read_only=read_only)
        except BaseException:
            _unlock(self._lock)
            raise
        try:
            with _sound(path):
                if not read_only and not _tables(self._db):
                    _create(self._db, account)
                _require_own(self._db, path, account)
                self._seq, self._head = self._tip()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return self; the journal closes with the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Close the database; what was appended is on disk already."""
        self._db.close()
        _unlock(self._lock)
        self._lock = None

    @property
    def head(self) -> tuple[int, str]:
        """The last event's number and hash; (0, GENESIS) when empty."""
        return self._seq, self._head

    def append(self, drafts: Sequence[Draft], *, claims: Sequence[BarClaim] = ()) -> tuple[Event, ...]:
        """Write `drafts` and `claims` in one durable transaction, all of them or none, and return the events.

        Raises:
            RefusedError: another tag has already traded one of the claimed bars.
            ConfigError: the disk did not take it; nothing of it was written.
        """
        chained = chain(drafts, *self.head)
        rows = [(e.seq, e.time_ms, e.kind, e.ref, text, e.prev, e.hash) for e, text in chained]
        with _sound(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._claim(claims)
                self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # on a full disk SQLite has rolled back by itself
                    self._db.execute("ROLLBACK")
                raise
        events = tuple(event for event, _ in chained)
        if events:
            self._seq, self._head = events[-1].seq, events[-1].hash
        return events

    def events(self, *kinds: str, after: int = 0) -> Iterator[Event]:
        """Yield events in order, of `kinds` only when some are named, with seq above `after`."""
        query = f"{_SELECT} WHERE seq > ? AND (? OR kind IN (SELECT value FROM json_each(?))) ORDER BY seq"  # noqa: S608  constant text
        with _sound(self.path), closing(self._db.execute(query, (after, not kinds, json.dumps(kinds)))) as cursor:
            for row in cursor:
                yield _event(row)

    def about(self, ref: str) -> tuple[Event, ...]:
        """Return the events that speak of one orderLinkId or execId."""
        with _sound(self.path):
            rows = self._db.execute(f"{_SELECT} WHERE ref = ? AND ref <> '' ORDER BY seq", (ref,))
            return tuple(_event(row) for row in rows)

    def last(self, *kinds: str) -> Event | None:
        """Return the newest event of `kinds`, or None."""
        query = f"{_SELECT} WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT 1"  # noqa: S608  constant text
        with _sound(self.path):
            row = self._db.execute(query, (json.dumps(kinds),)).fetchone()
        return None if row is None else _event(row)

    def tag_of(self, symbol: str, bar: int) -> str | None:
        """Return the release that traded `symbol` at the bar opening at `bar` ms, or None."""
        query = "SELECT tag FROM bars WHERE account = ? AND symbol = ? AND bar = ?"
        with _sound(self.path):
            row = self._db.execute(query, (self.account, symbol, bar)).fetchone()
        return None if row is None else str(row[0])

    def verify(self) -> int:
        """Recompute the whole chain and return the number of events.

        Raises:
            RefusedError: an event was changed, removed or reordered; the text names its number.
            ConfigError: the file is damaged.
        """
        with _sound(self.path):
            return self._verify()

    def _verify(self) -> int:
        seq, head = 0, GENESIS
        rows = self._db.execute(f"{_SELECT} ORDER BY seq")
        for found, time_ms, kind, ref, body, prev, digest in rows:
            seq += 1
            if (found, prev, digest) != (seq, head, event_hash(head, (seq, time_ms, kind, ref, body))):
                raise RefusedError(
                    f"journal {self.path}: event {found} does not continue the chain at {seq}; the file was changed "
                    "behind our back. Keep it, restore the last backup, and reconcile with the venue"
                )
            head = digest
        return seq

    def _claim(self, claims: Sequence[BarClaim]) -> None:
        rows = [(self.account, claim.symbol, claim.bar, claim.tag) for claim in claims]
        fresh = self._db.executemany("INSERT OR IGNORE INTO bars VALUES (?, ?, ?, ?)", rows).rowcount
        if fresh == len(rows):
            return
        for claim in claims:
            owner = self.tag_of(claim.symbol, claim.bar)
            if owner != claim.tag:
                raise RefusedError(
                    f"{claim.symbol} at bar {claim.bar} was already traded by {owner}; "
                    f"{claim.tag} may not trade it again"
                )

    def _tip(self) -> tuple[int, str]:
        row = self._db.execute("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return (0, GENESIS) if row is None else (int(row[0]), str(row[1]))


def chain(drafts: Sequence[Draft], seq: int, head: str) -> list[tuple[Event, str]]:
    """Return `drafts` as the events that follow event `seq` with hash `head`, each with its body's text.

    Raises:
        ValueError: a kind that no journal knows.
    """
    chained = []
    for draft in drafts:
        if draft.kind not in KINDS:
            raise ValueError(f"unknown kind of event {draft.kind!r}; known: {', '.join(KINDS)}")
        seq += 1
        text = body_text(draft.body)
        digest = event_hash(head, (seq, draft.time_ms, draft.kind, draft.ref, text))
        event = Event(
            seq=seq, time_ms=draft.time_ms, kind=draft.kind, ref=draft.ref, body=draft.body, prev=head, hash=digest
        )
        chained.append((event, text))
        head = digest
    return chained


def event_hash(prev: str, content: tuple[int, int, str, str, str]) -> str:
    """Return the SHA-256 that links (seq, time_ms, kind, ref, body) to the event before it.

    The fields are joined by newlines; none may hold one (canonical JSON escapes them).
    """
    return hashlib.sha256("\n".join((prev, *map(str, content))).encode()).hexdigest()


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a damaged file or a full disk into words for a user."""
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigError(
            f"journal {path}: {error}. On a full disk, free some space and run again: nothing half-written was kept. "
            "On a damaged file, keep it, restore the last backup, and reconcile with the venue"
        ) from error


def _lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"journal {path} cannot be opened: {error.strerror}; check its folder and disk") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConfigError(f"another process writes to {path}; one executor an account. Stop it first") from error
    sign(handle, "executor")
    return handle


def _unlock(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if not read_only and path.exists() and not os.access(path, os.W_OK, effective_ids=True):
        raise ConfigError(f"journal {path} may only be read; check its owner, its mode and how the disk is mounted")
    uri = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        database = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=2.0)
    except sqlite3.Error as error:
        raise ConfigError(f"{path} is not a journal we can open: {error}") from error
    try:
        if not read_only:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        database.close()
        raise ConfigError(f"{path} is not a journal we can open: {error}") from error
    return database


def _create(database: sqlite3.Connection, account: str) -> None:
    triggers = "".join(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;\n"
        for table in _TABLES
        for verb in ("UPDATE", "DELETE")
    )
    database.executescript(f"BEGIN IMMEDIATE;\n{_DDL}\n{triggers}")
    database.executemany("INSERT INTO meta VALUES (?, ?)", [("schema", str(SCHEMA)), ("account", account)])
    database.execute("COMMIT")


def _tables(database: sqlite3.Connection) -> set[str]:
    return {str(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _require_own(database: sqlite3.Connection, path: Path, account: str) -> None:
    if not set(_TABLES) <= _tables(database):
        raise ConfigError(f"{path} is a database but not a journal; give the account a path of its own")
    meta = dict(database.execute("SELECT name, value FROM meta"))
    schema = meta.get("schema", "of no number")
    if schema != str(SCHEMA):
        raise ConfigError(
            f"journal {path} has schema {schema}; this runtime reads {SCHEMA}. Upgrade the runtime, or restore the "
            "last backup"
        )
    if meta.get("account") != account:
        raise ConfigError(f"journal {path} belongs to account {meta.get('account')!r}, not {account!r}")


def _event(row: tuple[int, int, str, str, str, str, str]) -> Event:
    seq, time_ms, kind, ref, body, prev, digest = row
    return Event(seq=seq, time_ms=EpochMs(time_ms), kind=kind, ref=ref, body=json.loads(body), prev=prev, hash=digest)
