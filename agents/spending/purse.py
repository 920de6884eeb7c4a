"""One SQLite file a workspace: every attempt before and after it was made, every paid-for answer, every trial.

An attempt is booked at what it may cost at most before it is sent, in the same transaction that checks the caps, so
two processes never spend the same dollar; then it is settled at what it did cost. Whoever is killed in between leaves
the booking behind: the money may be gone, so it counts. An answer is stored before it is used, and a trial before
its result is told.

The journal mode is SQLite's own, rollback: a fresh file cannot be changed to WAL while another process writes to it;
SQLite refuses that at once, however long one would have waited.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from agents.ports import Attempt, Budget, Usage
from agents.spending.caps import require

FILE = ".autarch/agents/spending.sqlite"
WAIT_SECONDS = 30.0
_TOKENS = ("input_tokens", "cache_read", "cache_write", "cache_write_long", "output_tokens", "turns")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY, agent TEXT NOT NULL, model TEXT NOT NULL, scripted INTEGER NOT NULL, brief TEXT NOT NULL,
    turn INTEGER NOT NULL, number INTEGER NOT NULL, ended TEXT NOT NULL, when_ms INTEGER NOT NULL, priced TEXT NOT NULL,
    request TEXT NOT NULL, status INTEGER, detail TEXT NOT NULL, input_tokens INTEGER NOT NULL,
    cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL, cache_write_long INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, turns INTEGER NOT NULL, usd TEXT NOT NULL, is_estimate INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (when_ms);
CREATE INDEX IF NOT EXISTS attempts_by_brief ON attempts (brief);
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
    brief TEXT NOT NULL, seq INTEGER NOT NULL, content BLOB, PRIMARY KEY (brief, seq)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who is about to ask what of whom; `scripted` models cost no real dollar."""

    agent: str
    model: str
    brief: str
    turn: int
    number: int
    priced: str
    scripted: bool = False


class Purse:
    """The record of one workspace. Every call is one transaction on disk; no connection is held between calls."""

    def __init__(self, path: Path, clock_ms: Callable[[], int]) -> None:
        """Use the file at `path`, made when it is missing, private to its owner."""
        self.path = path
        self._clock_ms = clock_ms
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with self._open() as db:
            db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")

    def reserve(self, asking: Asking, at_most: Usage, budget: Budget) -> int:
        """Book an attempt at what it may cost at most and return its number, or book nothing.

        Raises:
            BudgetError: a cap of the call, the proposal, the day or the month would be passed.
        """
        now = self._clock_ms()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            require(budget.call, spent=Usage(), next_one=at_most, of="call")
            require(budget.proposal, spent=_sum(db, "brief = ?", asking.brief), next_one=at_most, of="proposal")
            day, month = day_and_month_ms(now)
            real = "scripted = ? AND when_ms >= ?"
            require(budget.day, spent=_sum(db, real, asking.scripted, day), next_one=at_most, of="day")
            require(budget.month, spent=_sum(db, real, asking.scripted, month), next_one=at_most, of="month")
            told = {
                **{name: getattr(asking, name) for name in ("agent", "model", "brief", "turn", "number", "priced")},
                **_usage_columns(at_most),
                "scripted": asking.scripted,
                "ended": "abandoned",
                "when_ms": now,
                "request": "",
                "status": None,
                "detail": "no answer was recorded",
            }
            marks = ", ".join("?" * len(told))
            row = db.execute(f"INSERT INTO attempts ({', '.join(told)}) VALUES ({marks})", tuple(told.values()))  # noqa: S608  names of ours
            db.execute("COMMIT")
            return int(row.lastrowid or 0)

    def settle(self, number: int, attempt: Attempt) -> None:
        """Put what an attempt did cost, and how it ended, in the place of its booking."""
        told = {
            **_usage_columns(attempt.usage),
            "ended": attempt.end,
            "request": attempt.request,
            "status": attempt.status,
            "detail": attempt.detail,
        }
        marks = ", ".join(f"{name} = ?" for name in told)
        with self._open() as db:
            db.execute(f"UPDATE attempts SET {marks} WHERE id = ?", (*told.values(), number))  # noqa: S608  names of ours

    def settle_stored(self, asking: Asking, usage: Usage, request: str) -> None:
        """Settle the attempt behind an answer that was stored when its process ended before it could."""
        with self._open() as db:
            found = db.execute(
                "SELECT id FROM attempts WHERE brief = ? AND turn = ? AND ended = 'abandoned' ORDER BY id DESC",
                (asking.brief, asking.turn),
            ).fetchone()
            if found is None:
                return
            told = {**_usage_columns(usage), "ended": "answered", "request": request, "detail": ""}
            marks = ", ".join(f"{name} = ?" for name in told)
            db.execute(f"UPDATE attempts SET {marks} WHERE id = ?", (*told.values(), found[0]))  # noqa: S608  names of ours

    def spent(self, brief: str) -> Usage:
        """Return what all attempts for one brief took."""
        with self._open() as db:
            return _sum(db, "brief = ?", brief)

    def spent_since(self, since_ms: int, *, scripted: bool = False) -> Usage:
        """Return what all attempts since a moment took."""
        with self._open() as db:
            return _sum(db, "scripted = ? AND when_ms >= ?", scripted, since_ms)

    def attempts(self, brief: str | None = None) -> tuple[Attempt, ...]:
        """Return every attempt, or those for one brief, in order."""
        where, values = ("", ()) if brief is None else ("WHERE brief = ?", (brief,))
        with self._open() as db:
            rows = db.execute(f"SELECT * FROM attempts {where} ORDER BY id", values).fetchall()  # noqa: S608  names of ours
        return tuple(_attempt(row) for row in rows)

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under `name`, or None."""
        with self._open() as db:
            found = db.execute("SELECT content FROM kept WHERE name = ?", (name,)).fetchone()
        return None if found is None else bytes(found["content"])

    def keep(self, name: str, content: bytes) -> None:
        """Keep `content`, durable when this returns; what is kept once stays."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?)", (name, content))

    def begin_trial(self, brief: str, seq: int) -> None:
        """Count trial `seq` of a brief before anybody sees a score of it."""
        with self._open() as db:
            db.execute("INSERT OR IGNORE INTO trials VALUES (?, ?, NULL)", (brief, seq))

    def end_trial(self, brief: str, seq: int, content: bytes) -> None:
        """Record what came of it."""
        with self._open() as db:
            db.execute("UPDATE trials SET content = ? WHERE brief = ? AND seq = ?", (content, brief, seq))

    def trials(self, brief: str) -> tuple[bytes | None, ...]:
        """Return the trials of a brief in order; None: begun, and nothing was recorded of it. It counts."""
        with self._open() as db:
            rows = db.execute("SELECT content FROM trials WHERE brief = ? ORDER BY seq", (brief,)).fetchall()
        return tuple(None if row["content"] is None else bytes(row["content"]) for row in rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA synchronous = EXTRA")  # with a rollback journal, a commit is durable only so
            yield db


def _usage_columns(usage: Usage) -> Mapping[str, object]:
    counts = {name: getattr(usage, name) for name in _TOKENS}
    return {**counts, "usd": format(usage.usd, "f"), "is_estimate": usage.is_estimate}


def _usage(row: sqlite3.Row) -> Usage:
    counts = {name: int(row[name]) for name in _TOKENS}
    return Usage(**counts, usd=Decimal(row["usd"]), is_estimate=bool(row["is_estimate"]))


def _attempt(row: sqlite3.Row) -> Attempt:
    names = ("agent", "model", "brief", "turn", "number", "when_ms", "priced", "request", "status", "detail")
    return Attempt(**{name: row[name] for name in names}, end=row["ended"], usage=_usage(row))


def _sum(db: sqlite3.Connection, where: str, *values: object) -> Usage:
    total = Usage()
    for row in db.execute(f"SELECT * FROM attempts WHERE {where}", values):  # noqa: S608  conditions of ours
        total += _usage(row)
    return total


def day_and_month_ms(now_ms: int) -> tuple[int, int]:
    """Return when the UTC day and the UTC month of a moment began, epoch ms."""
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(day.timestamp() * 1000), int(day.replace(day=1).timestamp() * 1000)
