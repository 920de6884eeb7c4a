"""Try every way out that must be closed, from inside, before a strategy is there: prove, do not assume.

The attempts that a filter answers by killing are tried under a rehearsal of it, which refuses them instead; the
filter that kills comes on top, and a second filter can only tighten the first.
"""

from __future__ import annotations

import _thread
import ctypes
import errno
import mmap
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from autarch.sandbox import kernel

_HARMLESS_SIGNAL = 0
_READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE
_SOMEWHERE = ("127.0.0.1", 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handles:
    """Descriptors that a zygote opens once, so that each child can try what it could do with more of them."""

    reader: int
    writer: int
    tcp: int
    udp: int

    @property
    def open(self) -> tuple[int, ...]:
        """Those that there are."""
        return tuple(fd for fd in (self.reader, self.writer, self.tcp, self.udp) if fd >= 0)

    def close(self) -> None:
        """Give them up."""
        for fd in self.open:
            os.close(fd)


def open_handles() -> Handles:
    """Open a pipe and a socket of each kind; -1 for a socket that there is none of here."""
    reader, writer = os.pipe()
    return Handles(reader=reader, writer=writer, tcp=_socket(socket.SOCK_STREAM), udp=_socket(socket.SOCK_DGRAM))


NAMES = (
    "open a file",
    "stat a path",
    "make a TCP socket",
    "make a UDP socket",
    "connect a TCP socket",
    "connect a UDP socket",
    "read another descriptor",
    "write to another descriptor",
    "fork",
    "execute a program",
    "start a thread",
    "signal the parent",
    "signal a sibling",
    "signal a thread of a sibling",
    "kill itself",
    "map writable machine code",
    "make memory machine code",
    "trace a process",
)
"""Every attempt; whoever judges a child misses one that it did not make."""


def try_all(handles: Handles, *, parent: int, sibling: int) -> dict[str, bool]:
    """Return for each attempt whether the rehearsed filter refused it, as it must."""
    attempts: tuple[Callable[[], object], ...] = (
        lambda: os.close(os.open("/", os.O_RDONLY)),
        lambda: os.stat("/"),  # noqa: PTH116  one call, no object around it
        lambda: os.close(_made(socket.SOCK_STREAM)),
        lambda: os.close(_made(socket.SOCK_DGRAM)),
        lambda: kernel.connect(handles.tcp, *_SOMEWHERE),
        lambda: kernel.connect(handles.udp, *_SOMEWHERE),
        lambda: os.read(handles.reader, 0),
        lambda: os.write(handles.writer, b"x"),
        _fork,
        lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  to see it refused
        _start_thread,
        lambda: os.kill(parent, _HARMLESS_SIGNAL),
        lambda: os.kill(sibling, _HARMLESS_SIGNAL),
        lambda: kernel.signal_thread(sibling, sibling, _HARMLESS_SIGNAL),
        lambda: kernel.signal_thread(os.getpid(), _thread.get_native_id(), signal.SIGKILL),
        lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=_READ_WRITE | mmap.PROT_EXEC).close(),
        _make_executable,
        kernel.ask_to_be_traced,
    )
    return {name: refused(attempt) for name, attempt in zip(NAMES, attempts, strict=True)}


def refused(attempt: Callable[[], object], *, number: int = errno.EPERM) -> bool:
    """Return True when `attempt` meets the error `number`: another would say that somebody else refused, or nobody."""
    try:
        attempt()
    except OSError as error:
        return error.errno == number
    return False


def _socket(kind: socket.SocketKind) -> int:
    with suppress(OSError):
        return _made(kind)
    return -1


def _made(kind: socket.SocketKind) -> int:
    return socket.socket(socket.AF_INET, kind).detach()


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _start_thread() -> None:
    try:
        _thread.start_new_thread(signal.pause, ())
    except RuntimeError as error:  # all that Python says of it
        raise PermissionError(errno.EPERM, str(error)) from error


def _make_executable() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=_READ_WRITE)
    kernel.protect(ctypes.addressof(ctypes.c_char.from_buffer(page)), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
