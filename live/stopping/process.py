"""Name a process so that no other is ever taken for it, and end it.

A pid alone is used again; a pid with the start time of that process is not, within one boot. Whoever holds an
account's journal writes the three into its lock file. Source: proc(5), pidfd_open(2).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from autarch.errors import ConfigError, UndecidedError

Role = Literal["executor", "kill"]
Ended = Literal["absent", "ended", "elsewhere"]
IDENTITY_BYTES_MAX = 4096
LOCK_WORDS = 8
START_FIELD = 19  # of what follows the name in /proc/<pid>/stat: field 22 there
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One process of one boot of one machine; `started` in clock ticks since that boot."""

    pid: int
    started: int
    boot: str
    host: str
    role: Role


def identity_text(role: Role) -> bytes:
    """Return this process's identity as the content of a lock file."""
    return msgspec.json.encode(own_identity(role)) + b"\n"


def own_identity(role: Role) -> Identity:
    """Return this process's identity."""
    pid = os.getpid()
    return Identity(pid=pid, started=_started(pid) or 0, boot=_boot(), host=os.uname().nodename, role=role)


def parse_identity(content: bytes) -> Identity | None:
    """Return the identity in a lock file, or None when there is none to read."""
    try:
        return msgspec.json.decode(content[:IDENTITY_BYTES_MAX], type=Identity, strict=True)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def is_alive(identity: Identity) -> bool:
    """Return whether that very process runs here."""
    return identity.boot == _boot() and _started(identity.pid) == identity.started


def end(identity: Identity, *, wait_s: float) -> Ended:
    """Kill that process (SIGKILL, also when it is stopped) and wait until it is gone.

    Returns "absent" when it had ended before, "elsewhere" when it belongs to another machine or an earlier boot.

    Raises:
        ConfigError: it belongs to another user.
        UndecidedError: it did not end within `wait_s`: it hangs in the kernel.
    """
    if identity.boot != _boot():
        return "elsewhere"
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return "absent"
    try:
        # Only now, with the process pinned by the descriptor, does its start time prove that it is the one.
        if _started(identity.pid) != identity.started:
            return "absent"
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], wait_s)[0]:
            raise UndecidedError(
                f"process {identity.pid} did not end within {wait_s:g} s of SIGKILL; it hangs in the kernel: see dmesg"
            )
    except PermissionError as error:
        raise ConfigError(f"process {identity.pid} is another user's; run this as that user or as root") from error
    finally:
        os.close(handle)
    return "ended"


@dataclass(slots=True, kw_only=True)
class Hold:
    """A journal's lock as held by us, so that no executor starts; `release` gives it up."""

    handle: int

    def release(self) -> None:
        """Give the lock up; a second call does nothing."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def holder(lock: Path) -> Identity | None:
    """Return the process that holds a lock file, or None when nobody does or nobody can be told.

    The file says so; one that could not be written (a full disk) is asked of the kernel instead.
    """
    taken = hold(lock, role=None)
    if taken is not None:
        taken.release()
        return None
    try:
        signed = parse_identity(lock.read_bytes())
    except OSError:
        signed = None
    if signed is not None and (signed.boot != _boot() or is_alive(signed)):
        return signed
    return _holder_by_kernel(lock)


def _holder_by_kernel(lock: Path) -> Identity | None:
    """Return who took the flock on `lock` and has it open still. Source: proc_locks(5)."""
    wanted = lock.stat()
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.replace("->", "").split()
        if len(words) < LOCK_WORDS or words[1] != "FLOCK" or words[5].rpartition(":")[2] != str(wanted.st_ino):
            continue
        pid = int(words[4])
        if _has_open(pid, wanted) and (started := _started(pid)) is not None:
            return Identity(pid=pid, started=started, boot=_boot(), host=os.uname().nodename, role="executor")
    return None


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    try:
        return any(os.path.samestat(entry.stat(), wanted) for entry in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def hold(lock: Path, *, role: Role | None) -> Hold | None:
    """Take a lock file and sign it with our identity (unless `role` is None), or return None when it is taken.

    Raises:
        ConfigError: the file cannot be opened.
    """
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot open the lock {lock}: {error.strerror}; check the folder's owner and mode"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if role is not None:
            sign(handle, role)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return Hold(handle=handle)


def sign(handle: int, role: Role) -> None:
    """Write our identity into the lock file that `handle` holds; a full disk is no reason not to run."""
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, identity_text(role), 0)
    except OSError:
        return


def _boot() -> str:
    return _BOOT_ID.read_text().strip()


def _started(pid: int) -> int | None:
    """Return a process's start time in ticks since boot, or None when it is gone (a zombie too)."""
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = content[content.rindex(b")") + 1 :].split()  # the name before may hold blanks and brackets
    return None if fields[0] in {b"Z", b"X"} else int(fields[START_FIELD])
