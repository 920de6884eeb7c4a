"""The heartbeat file: what an executor was doing when it last gave a sign of life.

One JSON object, replaced whole at most once a second. It is not flushed to the disk: a host that lost its power
has no executor. Whoever reads it compares `time_ms` with its own clock.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from autarch.errors import ConfigError
from live.host import Host
from live.ports.observer import Pulse

SCHEMA = 1
BYTES_MAX = 65_536


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `Pulse` with who gave it: `pid`, and when that process started in clock ticks since boot."""

    schema: Literal[1]
    account: str
    pid: int
    start_ticks: int
    time_ms: int
    seq: int
    state: Literal["ACTIVE", "REDUCING", "HALTED"]
    reason: str
    halted: dict[str, str]
    tag: str
    next_tag: str | None
    last_close_ms: int | None
    exposed: bool
    stale_ms: dict[str, int]
    clock_offset_ms: float | None
    generation: int

    def age_ms(self, now_ms: int) -> int:
        """Return how long ago it was given; below zero where the clocks differ."""
        return now_ms - self.time_ms


def heartbeat_path(host: Host, account: str) -> Path:
    """Return where the executor of `account` leaves its heartbeat."""
    return host.root / "heartbeat" / f"{account}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heart:
    """Writes one account's heartbeats."""

    path: Path
    account: str
    pid: int
    start_ticks: int

    def beat(self, pulse: Pulse) -> None:
        """Replace the file.

        Raises:
            OSError: the folder cannot be written.
        """
        said = {name: getattr(pulse, name) for name in Pulse.__slots__}
        content = {
            "schema": SCHEMA,
            "account": self.account,
            "pid": self.pid,
            "start_ticks": self.start_ticks,
            **said,
            "halted": dict(pulse.halted),
            "stale_ms": dict(pulse.stale_ms),
        }
        part = self.path.with_name(f".{self.path.name}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(content))
        part.replace(self.path)


def heart_of(host: Host, account: str) -> Heart:
    """Return the heart of this process for `account`; its folder is made, private to its owner."""
    path = heartbeat_path(host, account)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Heart(path=path, account=account, pid=os.getpid(), start_ticks=start_ticks(os.getpid()))


def start_ticks(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 where the system does not tell.

    With the pid it names a process for as long as the machine runs. Source: proc(5), field 22 of stat.
    """
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(said.rpartition(")")[2].split()[19])


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return the newest heartbeat, or None when there never was one.

    Raises:
        ConfigError: the file is none.
    """
    try:
        content = path.read_bytes()[:BYTES_MAX]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"heartbeat {path} cannot be read: {error.strerror}; check its owner and mode") from error
    try:
        return msgspec.json.decode(content, type=Heartbeat, strict=True)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{path} is no heartbeat of this runtime ({error}); remove it, the next beat writes it"
        ) from error
