"""The wire between an evaluator and its zygote: one hello, then requests and replies of fixed size."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import msgspec

import autarch
from autarch.sandbox.doors import Handles

FORK, REAP = 1, 2
REQUEST = struct.Struct("<BQQ")
"""FORK: address space in bytes, processor seconds, with the child's two pipe ends. REAP: process id, 0."""

REPLY = struct.Struct("<qqq")
"""FORK: process id or -errno. REAP: wait status, largest resident KiB, processor microseconds."""

FAILED_EXIT, MEMORY_EXIT = 70, 71
"""Exit codes of a child that failed outside its strategy, and of one without the memory to say that it has none."""

HELLO_HEADER = struct.Struct("<I")
HELLO_BYTES_MAX = 65_536


_SPOKEN = ("sandbox", "strategy", "numerics")
"""Packages that an evaluator and its zygote must have in the same version."""


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a zygote is once its imports are done.

    `numerics` is its self-test's digest, `pinned` whether the numeric pin held from exec on. All else is empty where
    it worked, or says why not: starting at all, a still clock, fixed addresses, namespaces away from the host, process
    namespaces for its children, an empty root folder.
    """

    error: str
    pinned: bool
    numerics: str
    clock: str
    addresses: str
    host: str
    processes: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """What a child is told at its fork: whom it comes from, by the numbers it may try, and what it may use.

    `parent` is what getppid() must answer: 0 for a child that is alone in its process namespace. `zygote` and `sibling`
    are numbers to try signals on, `handles` descriptors to try. The rest are RLIMIT_AS and RLIMIT_CPU.
    """

    parent: int
    zygote: int
    sibling: int
    handles: Handles
    address_space_bytes: int
    cpu_seconds: int

    @property
    def is_apart(self) -> bool:
        """True when the child shares its process numbers with nobody."""
        return self.parent == 0


def encode_hello(hello: Hello) -> bytes:
    """Return the hello's bytes."""
    return msgspec.msgpack.encode(hello)


def decode_hello(content: bytes) -> Hello:
    """Return the hello; msgspec.DecodeError when it is none."""
    return msgspec.msgpack.decode(content, type=Hello)


def running_code() -> list[str]:
    """Return the folder of this process's `autarch`, and a digest of size and time of the files both sides run."""
    package = Path(autarch.__file__).resolve().parent
    found = hashlib.sha256()
    for path in sorted(path for name in _SPOKEN for path in (package / name).glob("*.py")):
        status = path.stat()
        found.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return [str(package), found.hexdigest()]
