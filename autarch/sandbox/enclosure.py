"""Run another version of our own code so that it reads what it is shown, writes where it may, and leaves nobody behind.

A strategy is confined to two pipe ends; code that must start workers and run git cannot be. What it is kept from
here is what a pull request is not trusted with: keys, tokens, hidden bars, the network, other processes.

    python -P -m autarch.sandbox.enclosure ORDER.json

Landlock grants the paths of the order and nothing else, and denies TCP, signals and tracing beyond itself; a filter
refuses every socket. An order may name one port: then TCP to it alone is granted, in a network where nothing else is
(`autarch.sandbox.room`) wherever the host allows one. The process that enters has a parent here, which ends all its
descendants when it ends.
"""

from __future__ import annotations

import os
import platform
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec

from autarch.sandbox import bpf, kernel, room

NOT_FOUND_EXIT = 127
FILE_BYTES_MAX = 1 << 30
"""Of one file it writes, its answers included; compiled code takes a thousandth (own choice)."""

_CHILDREN = "/proc/self/task/{thread}/children"


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run, as what, and the paths it may read and write; a path that does not exist is left out.

    `port`, where it is not 0, may be connected to; `room_fd` is a socket over which whoever serves it is told of it.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    port: int = 0
    room_fd: int = -1


def lacking() -> str | None:
    """Return why this host cannot enclose a process, or None when it can."""
    if not kernel.is_supported():
        return f"it takes Linux on x86-64, this is {platform.machine()} {platform.system()}"
    abi = kernel.landlock_abi()
    if abi < kernel.TCP_ABI:
        return f"it takes Landlock of ABI {kernel.TCP_ABI} (Linux 6.7), and kernel {platform.release()} has {abi}"
    return None


def main(argv: list[str]) -> int:
    """Run the order in the file `argv[0]` and return its exit code, once nobody is left of it."""
    order = msgspec.json.decode(Path(argv[0]).read_bytes(), type=Order, strict=True)
    kernel.die_with_parent(signal.SIGTERM)
    kernel.adopt_orphans()
    signal.signal(signal.SIGTERM, _end)
    child = os.fork()
    if child == 0:
        _become(order)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        _end_descendants()


def _become(order: Order) -> NoReturn:
    """Enter and execute; whatever goes wrong on the way ends this process."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _enter(order)
        os.execve(order.command[0], order.command, order.environment)  # noqa: S606  no shell, and the order is ours
    except BaseException as error:  # noqa: BLE001  this is a fork: it must not go on as its parent
        os.write(2, f"the enclosure could not be entered: {error}\n".encode())
    os._exit(NOT_FOUND_EXIT)


def _enter(order: Order) -> None:
    abi = kernel.landlock_abi()
    if order.port:
        with socket.socket(fileno=order.room_fd) as outside:
            room.enter(outside, order.port)
    kernel.no_new_privileges()
    ruleset = kernel.landlock_deny_all(abi)
    if order.port:
        kernel.landlock_allow_connecting(ruleset, order.port)
    for path in order.reads:
        with suppress(FileNotFoundError):
            kernel.landlock_allow(ruleset, path, abi=abi)
    for path in order.writes:
        with suppress(FileNotFoundError):
            kernel.landlock_allow(ruleset, path, abi=abi, writing=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
    kernel.drop_capabilities()
    kernel.landlock_restrict(ruleset)
    kernel.close_all_but((0, 1, 2))
    kernel.install_filter(bpf.encode(bpf.tcp_sockets_only() if order.port else bpf.without_sockets()))


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _end_descendants() -> None:
    """Kill and reap until no child is left: those of a child that ends become ours."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    own = Path(_CHILDREN.format(thread=os.getpid()))
    while True:
        for pid in own.read_text(encoding="ascii").split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
