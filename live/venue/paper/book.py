"""What the paper venue remembers on disk: the requests it carried out, so that its death and ours are two things.

A fill follows from requests and prices. Recorded prices come again by themselves; of a market that is happening,
those are kept that did something to the account, and the price that stood at each request. A write survives the death
of the process, not of the power: the executor's journal is the durable side and notices what is gone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.paths import private_directory

_DDL = "CREATE TABLE IF NOT EXISTS requests (seq INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, body TEXT NOT NULL)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One request that was carried out, or one price that did something, and the exchange's time then."""

    time_ms: EpochMs
    what: Literal["order", "cancel", "stops", "leverage", "price"]
    body: Mapping[str, Any]


class RequestBook:
    """Every request the paper venue carried out on one account, in order; `path` None keeps them in memory."""

    def __init__(self, path: Path | None = None) -> None:
        """Open or create the book.

        Raises:
            ConfigError: the file is not a book.
        """
        if path is not None:
            private_directory(path.parent)
        try:
            self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        except sqlite3.Error as error:
            raise ConfigError(f"{path}, the paper venue's book, cannot be opened: {error}") from error
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_DDL)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(f"{path} is not the paper venue's book: {error}; move it away") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(self, done: Done) -> None:
        """Remember a request.

        Raises:
            ConfigError: the disk did not take it; it was never carried out.
        """
        body = json.dumps({"what": done.what, **done.body})
        try:
            self._db.execute("INSERT INTO requests (time_ms, body) VALUES (?, ?)", (done.time_ms, body))
        except sqlite3.OperationalError as error:
            raise ConfigError(
                f"the paper venue's book cannot be written: {error}; free some space and run again, "
                "the order is sent then"
            ) from error

    def requests(self) -> tuple[Done, ...]:
        """Return every request, oldest first.

        Raises:
            ConfigError: the file is damaged.
        """
        try:
            rows = self._db.execute("SELECT time_ms, body FROM requests ORDER BY seq").fetchall()
            return tuple(_done(EpochMs(time_ms), json.loads(body)) for time_ms, body in rows)
        except (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"the paper venue's book is damaged: {error!r}; restore the last backup") from error


def _done(time_ms: EpochMs, body: dict[str, Any]) -> Done:
    return Done(time_ms=time_ms, what=body.pop("what"), body=body)
