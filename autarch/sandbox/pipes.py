"""Whole frames over pipes to a process that may be slow, dead or hostile: every wait has a deadline."""

from __future__ import annotations

import os
import select
import time

from autarch.sandbox.protocol import FRAME_HEADER

_READ_MAX = 1 << 16  # what a pipe holds


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
        self._unread = b""  # what came with the end of the frame before
        for fd in (write_fd, read_fd):
            os.set_blocking(fd, False)
        self._writable, self._readable = _poller(write_fd, select.POLLOUT), _poller(read_fd, select.POLLIN)

    def close(self) -> None:
        """Close both ends; once."""
        os.close(self._write_fd)
        os.close(self._read_fd)

    def send(self, body: bytes, *, deadline: float) -> None:
        """Write one frame before `deadline` of time.monotonic().

        Raises:
            PipeTimeoutError: the child did not read in time.
            PipeClosedError: the child is gone.
        """
        left = memoryview(FRAME_HEADER.pack(len(body)) + body)  # in one piece, which wakes the child once
        while left:
            try:
                left = left[os.write(self._write_fd, left) :]
            except BlockingIOError:
                _wait(self._writable, deadline)
            except BrokenPipeError as error:
                raise PipeClosedError from error

    def receive(self, *, bytes_max: int, deadline: float) -> bytes:
        """Return the body of the next frame before `deadline` of time.monotonic().

        Raises:
            PipeTimeoutError: it is not complete in time.
            PipeClosedError: the child closed its end before that.
            PipeGarbageError: it is longer than `bytes_max`.
        """
        size = FRAME_HEADER.unpack(self._read(FRAME_HEADER.size, deadline))[0]
        if size > bytes_max:
            raise PipeGarbageError(f"it announced {size} bytes; at most {bytes_max} were expected")
        return self._read(size, deadline)

    def _read(self, count: int, deadline: float) -> bytes:
        parts, have = [self._unread], len(self._unread)
        while have < count:
            _wait(self._readable, deadline)
            part = os.read(self._read_fd, _READ_MAX)
            if not part:
                raise PipeClosedError
            parts.append(part)
            have += len(part)
        content = b"".join(parts)
        self._unread = content[count:]
        return content[:count]


def _poller(fd: int, event: int) -> select.poll:
    poller = select.poll()
    poller.register(fd, event)
    return poller


def _wait(poller: select.poll, deadline: float) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0 or not poller.poll(1000 * remaining):
        raise PipeTimeoutError
