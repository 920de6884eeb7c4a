"""What one clone has read and checked of its ledger, so that it is read once: a cache, never a source.

Small ledgers stay in memory. From `KEPT_FROM` entries on they are kept in a private file, one a clone; deleting it
costs one reading from Git. Rows are added behind the tip they were checked against, or not at all.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from autarch.canonical import Sha256
from autarch.errors import ConfigError, UndecidedError
from autarch.evidence.ledger_entry import LedgerEntry, Sealed
from autarch.paths import cache_root, private_directory

KEPT_FROM = 500
BUSY_S = 2.0
_LAYOUT = hashlib.sha256(repr(LedgerEntry.__struct_fields__).encode()).hexdigest()[:16]
_DDL = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, commit_id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, pr INTEGER, reservation TEXT,
    body BLOB NOT NULL
);
CREATE INDEX by_pr ON entries (pr) WHERE pr IS NOT NULL;
CREATE INDEX by_reservation ON entries (reservation) WHERE reservation IS NOT NULL;
CREATE TABLE beginning (commit_id TEXT NOT NULL);
"""
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # another process is at it; the file may be whole
_FIELDS = "digest, commit_id, body"


class LedgerIndex:
    """Checked entries of one chain in order, and where they stand."""

    def __init__(self, repository: Path) -> None:
        """Open what was kept of the ledger in `repository`, or begin with nothing."""
        self._path = _path_of(repository)
        kept = _open_file(self._path) if self._path.exists() else None
        self._may_move = kept is None
        self._db = kept or _open_memory()
        self._decoder = msgspec.json.Decoder(LedgerEntry)

    def tip(self) -> str | None:
        """Return the newest commit whose entry is here, the empty beginning before any; None: nothing was read."""
        last = self._row("SELECT commit_id FROM entries ORDER BY seq DESC LIMIT 1")
        begun = last or self._row("SELECT commit_id FROM beginning")
        return None if begun is None else str(begun[0])

    def place(self, commit: str) -> int | None:
        """Return how many entries there are up to and with `commit`, or None where it is not known."""
        found = self._row("SELECT seq FROM entries WHERE commit_id = ?", commit)
        if found is not None:
            return int(found[0])
        return 0 if self._row("SELECT 1 FROM beginning WHERE commit_id = ?", commit) else None

    def upto(self, seq: int) -> tuple[Sealed, ...]:
        """Return the first `seq` entries."""
        return self._all(f"SELECT {_FIELDS} FROM entries WHERE seq <= ? ORDER BY seq", seq)  # noqa: S608  constant

    def at(self, seq: int) -> Sealed | None:
        """Return entry `seq`, or None."""
        found = self._all(f"SELECT {_FIELDS} FROM entries WHERE seq = ?", seq)  # noqa: S608  constant
        return found[0] if found else None

    def of_pull(self, pr: int | None, *, upto: int) -> tuple[Sealed, ...]:
        """Return the entries up to `upto` of one pull request, or of none, oldest first."""
        if pr is None:
            return self._all(f"SELECT {_FIELDS} FROM entries WHERE pr IS NULL AND seq <= ? ORDER BY seq", upto)  # noqa: S608  constant
        # Equal, not IS: only then does SQLite know that the index, which leaves out NULL, has all of them.
        return self._all(f"SELECT {_FIELDS} FROM entries WHERE pr = ? AND seq <= ? ORDER BY seq", pr, upto)  # noqa: S608  constant

    def answering(self, reservation: str, *, upto: int) -> tuple[Sealed, ...]:
        """Return the entries up to `upto` that name a reservation, oldest first."""
        query = f"SELECT {_FIELDS} FROM entries WHERE reservation = ? AND seq <= ? ORDER BY seq"  # noqa: S608  constant
        return self._all(query, reservation, upto)

    def begin(self, root: str) -> None:
        """Forget everything and stand at an empty beginning.

        Raises:
            UndecidedError: the file is damaged, and removed.
        """
        self._write(lambda: self._begin(root))

    def add(self, entries: Sequence[Sealed], *, after: str) -> None:
        """Keep `entries`, which were checked to follow commit `after`.

        Adds nothing where another process has added behind `after` meanwhile.

        Raises:
            UndecidedError: the file is damaged, and removed.
        """
        rows = [
            (
                sealed.entry.seq,
                sealed.commit,
                sealed.digest,
                sealed.entry.pr,
                sealed.entry.reservation,
                msgspec.json.encode(sealed.entry),
            )
            for sealed in entries
        ]
        self._write(lambda: self._insert(rows, after))
        if self._may_move and rows and rows[-1][0] >= KEPT_FROM:
            self._move_to_file()

    def _write(self, change: Callable[[], None]) -> None:
        try:
            change()
        except sqlite3.OperationalError:  # a full or a busy disk: what was read is kept for this process alone
            self._leave_file()
            change()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error

    def _begin(self, root: str) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM entries")
            self._db.execute("DELETE FROM beginning")
            self._db.execute("INSERT INTO beginning VALUES (?)", (root,))

    def _insert(self, rows: Sequence[tuple[object, ...]], after: str) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self.tip() == after:
                self._db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _leave_file(self) -> None:
        memory = _open_memory()
        with suppress(sqlite3.Error):  # what cannot even be read is read from Git
            self._db.backup(memory)
        self._db.close()
        self._db = memory

    def _move_to_file(self) -> None:
        """Keep for later processes what is in memory; a folder or disk that refuses costs them only time."""
        with suppress(ConfigError, OSError, sqlite3.Error):
            private_directory(self._path.parent)
            with tempfile.TemporaryDirectory(dir=self._path.parent) as own:  # threads of one process keep at once too
                draft = Path(own) / self._path.name
                with closing(sqlite3.connect(draft)) as target:
                    self._db.backup(target)
                    target.execute("PRAGMA journal_mode = WAL")  # nobody else has it open yet: no two ask at once
                os.link(draft, self._path)  # not in the place of another's: its log would be played into ours
            kept = _open_file(self._path)
            if kept is not None:
                self._db, self._may_move = kept, False

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        found = self._rows(query, *values)
        return found[0] if found else None

    def _all(self, query: str, *values: object) -> tuple[Sealed, ...]:
        decode, rows = self._decoder.decode, self._rows(query, *values)
        try:
            return tuple(
                Sealed(entry=decode(body), digest=Sha256(digest), commit=commit) for digest, commit, body in rows
            )
        except msgspec.DecodeError as error:
            raise self._damaged(error) from error

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds.

        Raises:
            UndecidedError: a page of the file is damaged; nothing that was read from it counts, and it is removed.
        """
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and _code(error) is not None:
                raise  # busy, or a disk that fails: the file may be whole
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> UndecidedError:
        """Remove the file, begin with nothing, and return what to raise."""
        self._db, self._may_move = _open_memory(), True
        _remove(self._path)
        return UndecidedError(
            f"what was kept of the ledger in {self._path} is damaged ({error}) and has been removed; run it again"
        )


def _path_of(repository: Path) -> Path:
    name = hashlib.sha256(f"{_LAYOUT}\n{repository.resolve()}".encode()).hexdigest()[:32]
    return cache_root() / "ledgers" / f"{name}.sqlite3"


def _open_memory() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.executescript(_DDL)
    return database


def _open_file(path: Path) -> sqlite3.Connection | None:
    """Return the kept database, or None where it is busy, damaged or not ours to read; a damaged one is removed."""
    try:
        private_directory(path.parent)
        database = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
    except (ConfigError, sqlite3.Error):
        return None
    try:
        database.execute("PRAGMA synchronous = NORMAL")
        for newest in ("SELECT max(seq) FROM entries", "SELECT commit_id FROM beginning"):  # neither reads it all
            database.execute(newest).fetchone()
    except sqlite3.Error as error:
        database.close()
        if _code(error) not in _PASSING:
            _remove(path)
        return None
    return database


def _code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary code, or None where it is Python that cannot read a text in the file."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _remove(path: Path) -> None:
    """Remove a database and its log: a log that is left behind would be played into the next one of that name."""
    for name in ("", "-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + name).unlink()
