"""The log: one JSON object a line, without secrets, in files that are turned over before they grow too large."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from autarch.redacting import Redactor
from live.journal import Event

BYTES_MAX = 16 * 2**20
FILES_KEPT = 8


class LogFile:
    """Appends lines to `path`; older ones are at `path`.1 and following. Written by one thread at a time."""

    def __init__(self, path: Path, redactor: Redactor, *, bytes_max: int = BYTES_MAX, kept: int = FILES_KEPT) -> None:
        """Prepare; the file is opened, private to its owner, by the first line."""
        self.path = path
        self._redactor = redactor
        self._bytes_max, self._kept = bytes_max, kept
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, fields: Mapping[str, object]) -> None:
        """Append one line.

        Raises:
            OSError: the disk did not take it; the next line tries again.
        """
        text = json.dumps(dict(fields), separators=(",", ":"), default=str, ensure_ascii=True)
        line = self._redactor.clean(text).encode() + b"\n"
        if self._file is None:
            self._open()
        if self._size and self._size + len(line) > self._bytes_max:
            self._turn_over()
        if self._file is not None:
            self._file.write(line)
            self._file.flush()
            self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(handle, "ab")
        self._size = os.fstat(handle).st_size

    def _turn_over(self) -> None:
        self.close()
        for number in range(self._kept - 1, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            if older.exists():
                older.replace(self.path.with_name(f"{self.path.name}.{number + 1}"))
        self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        self._open()


def line_of_event(event: Event, *, account: str) -> dict[str, Any]:
    """Return a journal event as a line: the market's time, and its body but for what a run carries over."""
    body = {name: value for name, value in event.body.items() if name != "carried"}
    return {
        "time": time_text(event.time_ms),
        "level": "warning" if event.kind in {"state", "rejected", "missed", "foreign"} else "info",
        "account": account,
        "event": event.kind,
        "seq": event.seq,
        "ref": event.ref,
        **{
            f"{name}_" if name in {"time", "level", "account", "event", "seq", "ref"} else name: body[name]
            for name in body
        },
    }


def line_of_record(record: logging.LogRecord, *, account: str) -> dict[str, Any]:
    """Return what a logger said as a line."""
    fields = {
        "time": time_text(int(record.created * 1000)),
        "level": record.levelname.lower(),
        "account": account,
        "event": "log",
        "logger": record.name,
        "text": record.getMessage(),
    }
    if record.exc_info:
        fields["error"] = logging.Formatter().formatException(record.exc_info)
    return fields


def time_text(time_ms: int) -> str:
    """Return epoch ms as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
