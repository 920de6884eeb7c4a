"""Whole frames over pipes to a process that may be slow, dead or hostile: every wait has a deadline."""

from __future__ import annotations

import fcntl
import os
import select
import time
from collections.abc import Sequence
from contextlib import suppress

from autarch.sandbox.protocol import FRAME_HEADER

PIPE_BYTES = 1 << 20
"""What a pipe is asked to hold (Linux allows anybody this much), so that few wake-ups move many rows."""
_HEADER_BYTES = FRAME_HEADER.size
_AT_ONCE = 1 << 12  # bytes that are asked for before a frame's size is known
_SEGMENTS_MAX = 512  # of one writev; the kernel takes 1024
_JOINED_MAX = 1 << 14  # up to here copying costs less than many pieces
_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


class PipeTimeoutError(Exception):
    """The deadline passed; nothing is known about the other side."""


class PipeClosedError(Exception):
    """The other side closed its end, or is gone."""


class PipeGarbageError(Exception):
    """The other side announced more than it may answer."""


class FramePipes:
    """The evaluator's two ends of one child's pipes."""

    def __init__(self, *, write_fd: int, read_fd: int) -> None:
        self._write_fd, self._read_fd = write_fd, read_fd
        self._buffer = bytearray(PIPE_BYTES // 16)
        self._shown = self._have = 0  # bytes of the buffer that the last frame takes, and that have been read
        for fd in (write_fd, read_fd):
            os.set_blocking(fd, False)
            if _SET_SIZE is not None:
                with suppress(OSError):  # the user's pipes hold much already; it works as well, only slower
                    fcntl.fcntl(fd, _SET_SIZE, PIPE_BYTES)
        self._writable, self._readable = _poller(write_fd, select.POLLOUT), _poller(read_fd, select.POLLIN)

    def close(self) -> None:
        """Close both ends; once."""
        os.close(self._write_fd)
        os.close(self._read_fd)

    def send(self, parts: Sequence[bytes | memoryview], *, deadline: float) -> None:
        """Write one frame, whose body is `parts` one after another, before `deadline` of time.monotonic().

        Raises:
            PipeTimeoutError: the child did not read in time.
            PipeClosedError: the child is gone.
            PipeGarbageError: it has written what nobody asked for.
        """
        if self._have > self._shown or _is_there(self._readable.poll(0)):
            raise PipeGarbageError("it wrote before it was asked")
        size = sum(map(len, parts))
        header = FRAME_HEADER.pack(size)
        left: list[bytes | memoryview] = [header, *parts] if size > _JOINED_MAX else [b"".join((header, *parts))]
        while left:
            try:
                written = os.writev(self._write_fd, left[:_SEGMENTS_MAX])
            except BlockingIOError:
                _wait(self._writable, deadline)
                continue
            except BrokenPipeError as error:
                raise PipeClosedError from error
            left = _after(left, written)

    def receive(self, *, bytes_max: int, deadline: float) -> memoryview:
        """Return the body of the next frame before `deadline` of time.monotonic(), valid until the next call.

        Raises:
            PipeTimeoutError: it is not complete in time.
            PipeClosedError: the child closed its end before that.
            PipeGarbageError: it is longer than `bytes_max`.
        """
        more = self._have - self._shown
        if more:  # a later frame came along with the last one
            self._buffer[:more] = self._buffer[self._shown : self._have]
        self._have = more
        self._fill(_HEADER_BYTES, deadline)
        size = FRAME_HEADER.unpack_from(self._buffer)[0]
        if size > bytes_max:
            raise PipeGarbageError(f"it announced {size} bytes; at most {bytes_max} were expected")
        self._shown = _HEADER_BYTES + size
        if self._shown > len(self._buffer):
            self._buffer = self._buffer[: self._have] + bytearray(self._shown - self._have)
        self._fill(self._shown, deadline)
        return memoryview(self._buffer)[_HEADER_BYTES : self._shown]

    def _fill(self, wanted: int, deadline: float) -> None:
        """Read until the buffer holds `wanted` bytes, and what a small frame has beyond its header."""
        while self._have < wanted:
            _wait(self._readable, deadline)
            room = memoryview(self._buffer)[self._have : max(wanted, _AT_ONCE)]
            try:
                count = os.readv(self._read_fd, [room])
            except BlockingIOError:  # what woke us is gone
                continue
            if not count:
                raise PipeClosedError
            self._have += count


def _is_there(events: Sequence[tuple[int, int]]) -> bool:
    return bool(events) and any(event & select.POLLIN for _, event in events)


def _after(parts: list[bytes | memoryview], written: int) -> list[bytes | memoryview]:
    """Return what is left of `parts` behind the first `written` bytes."""
    for index, part in enumerate(parts):
        if written < len(part):
            return [memoryview(part)[written:], *parts[index + 1 :]]
        written -= len(part)
    return []


def _poller(fd: int, event: int) -> select.poll:
    poller = select.poll()
    poller.register(fd, event)
    return poller


def _wait(poller: select.poll, deadline: float) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poller.poll(1000 * remaining):
        raise PipeTimeoutError
