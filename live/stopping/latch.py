"""The halt latch: once set, nothing is sent until a human releases it, whatever restarts in between.

A file an account, written whole, read before every send and once a second. Anybody on this host who may write the
folder may halt; only `autarch live resume` asks for a release, and only the executor carries it out, once it has
seen that what was promised is so. A file that cannot be read halts too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from live.host import write_whole

SCHEMA = 1
HALTS_MAX = 100
FILE_BYTES_MAX = 1 << 20
By = Literal["human", "phone", "kill", "deadman", "executor", "stop"]
From = Literal["flat", "adopt"]


class Halted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason to send nothing. `symbol` is empty for the whole account; `who` names a person, host or process."""

    by: By
    who: str
    why: str
    at_ms: EpochMs
    symbol: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.symbol or 'the account'} halted by {self.by} ({self.who}): {self.why}"


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A human's leave to go on. `seen` is the digest of what they were shown (adopt only); see `seen.py`.

    `flat`: the venue must read flat, and no symbol is entered again until its exposure has been zero or changed sign.
    `adopt`: what is there, exactly as it was shown, becomes the executor's own.
    """

    start: From
    who: str
    at_ms: EpochMs
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latched:
    """What the latch says now."""

    halts: tuple[Halted, ...] = ()
    release: Release | None = None

    def blocks(self, symbol: str) -> str | None:
        """Return why nothing may be sent for `symbol`, or None; an empty symbol asks for the account as a whole.

        A release that nobody has carried out yet lifts nothing.
        """
        for halted in self.halts:
            if halted.symbol in {"", symbol}:
                return str(halted)
        return None


class Latch(Protocol):
    """The latch as executor, kill and pollers see it."""

    def read(self) -> Latched:
        """Return what holds now. Never raises: a latch that cannot be read is a halt."""
        ...

    def halt(self, halted: Halted) -> None:
        """Add a halt, unless the same one (by, who, symbol) holds already; any release in waiting is void.

        Raises:
            ConfigError: it could not be written.
        """
        ...

    def ask(self, release: Release) -> None:
        """Leave a release for the executor to carry out.

        Raises:
            ConfigError: it could not be written.
        """
        ...

    def withdraw(self, release: Release) -> None:
        """Take back a release that was refused: it must not take effect later, unasked.

        Raises:
            ConfigError: it could not be written.
        """
        ...

    def released(self, done: Release) -> bool:
        """Clear every halt, `done` having been carried out; False when another halt came in between.

        Raises:
            ConfigError: it could not be written.
        """
        ...


@dataclass(slots=True, kw_only=True)
class MemoryLatch:
    """A latch without a file."""

    now: Latched = field(default_factory=Latched)

    def read(self) -> Latched:
        """Return what holds now."""
        return self.now

    def halt(self, halted: Halted) -> None:
        """Add a halt."""
        self.now = _with(self.now, halted)

    def ask(self, release: Release) -> None:
        """Leave a release."""
        self.now = replace(self.now, release=release)

    def withdraw(self, release: Release) -> None:
        """Take a release back."""
        if self.now.release == release:
            self.now = replace(self.now, release=None)

    def released(self, done: Release) -> bool:
        """Clear every halt unless the release in waiting is another by now."""
        if self.now.release != done:
            return False
        self.now = Latched()
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLatch:
    """The latch of one account in its file; the folder must exist (`Places.make`)."""

    path: Path
    account: str

    def read(self) -> Latched:
        """Return what holds now; no file is no halt, and one that cannot be understood is."""
        try:
            content = _content(self.path)
        except FileNotFoundError:
            return Latched()
        except OSError as error:
            return _unreadable(f"{self.path} cannot be read: {error.strerror}")
        try:
            return _parsed(content, self.account)
        except ValueError as error:
            return _unreadable(f"{self.path} is not a latch of ours: {error}")

    def halt(self, halted: Halted) -> None:
        """Add a halt."""
        with self._exclusive():
            before = self.read()
            after = _with(before, halted)
            if after != before:
                self._write(after)

    def ask(self, release: Release) -> None:
        """Leave a release."""
        with self._exclusive():
            self._write(replace(self.read(), release=release))

    def withdraw(self, release: Release) -> None:
        """Take a release back."""
        with self._exclusive():
            present = self.read()
            if present.release == release:
                self._write(replace(present, release=None))

    def released(self, done: Release) -> bool:
        """Clear every halt unless the release in waiting is another by now."""
        with self._exclusive():
            if self.read().release != done:
                return False
            self._write(Latched())
            return True

    def _write(self, latched: Latched) -> None:
        wire = _Wire(schema=SCHEMA, account=self.account, halts=latched.halts, release=latched.release)
        write_whole(self.path, msgspec.json.format(msgspec.json.encode(wire), indent=2) + b"\n")

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Keep other writers out. The lock is on a file of its own, since the latch is replaced."""
        try:
            handle = os.open(
                self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise ConfigError(
                f"cannot write the latch {self.path}: {error.strerror}; check the folder's owner and mode"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


class _Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: int
    account: str
    halts: tuple[Halted, ...]
    release: Release | None


def _with(latched: Latched, halted: Halted) -> Latched:
    same = (halted.by, halted.who, halted.symbol)
    if any((old.by, old.who, old.symbol) == same for old in latched.halts):
        return replace(latched, release=None)
    return Latched(halts=(*latched.halts, halted)[-HALTS_MAX:])


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def _parsed(content: bytes, account: str) -> Latched:
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"it is longer than {FILE_BYTES_MAX} bytes")
    try:
        wire = msgspec.json.decode(content, type=_Wire, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if wire.schema != SCHEMA or wire.account != account:
        raise ValueError(f"found schema {wire.schema} of account {wire.account!r}")
    return Latched(halts=wire.halts, release=wire.release)


def _unreadable(why: str) -> Latched:
    """Return the halt that an unreadable latch is; writing a new halt or a release replaces the file."""
    return Latched(halts=(Halted(by="executor", who="this host", why=why, at_ms=EpochMs(0)),))
