"""A forked, confined process as its evaluator holds it, and in words why it ended."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from autarch.errors import SandboxError
from autarch.sandbox import level, protocol
from autarch.sandbox.answers import ErrorAnswer
from autarch.sandbox.control import MEMORY_EXIT, Hello
from autarch.sandbox.failure import Cause, StrategyRunError, printable
from autarch.sandbox.layers import Demands
from autarch.sandbox.pipes import FramePipes, PipeClosedError, PipeGarbageError, PipeTimeoutError
from autarch.sandbox.protocol import READY_BYTES_MAX, Ready
from autarch.sandbox.values import SandboxLevel

_PROCESSOR_CLOCK = 2
"""CPUCLOCK_SCHED: with a process's number in the upper bits it is that process's clock (clock_getcpuclockid(3))."""


class Child:
    """A forked, confined process and the evaluator's ends of its pipes."""

    def __init__(self, *, pid: int, write_fd: int, read_fd: int, reap: Callable[[int], tuple[int, int, int]]) -> None:
        self.pid = pid
        self.pipes = FramePipes(write_fd=write_fd, read_fd=read_fd)
        self.level = SandboxLevel(layers=(), kernel="")
        self.max_resident_kib = 0
        self.cpu_seconds = 0.0
        self._reap = reap
        self._ready: Ready | None = None
        self._status: int | None = None
        # Until it is reaped the number is its own; a descriptor stays so even if the zygote dies first.
        self._handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def measure(self, hello: Hello, demands: Demands, *, seconds: float) -> None:
        """Wait until the child is confined and set `level` from /proc; before any strategy is sent. Twice is fine.

        Raises:
            SandboxError: it died or fell silent on the way.
        """
        try:
            if self._ready is None:
                deadline = time.monotonic() + seconds
                told = self.pipes.receive(bytes_max=READY_BYTES_MAX, deadline=deadline)
                self._ready = protocol.decode_ready(bytes(told))
        except (PipeClosedError, PipeTimeoutError, PipeGarbageError, ValueError) as error:
            found = ending(self.close()) if isinstance(error, PipeClosedError) else "it did not answer"
            raise SandboxError(
                f"a worker failed while confining itself: {found}; this is no fault of the strategy"
            ) from error
        self.level = level.judge(seen=level.look(self.pid), ready=self._ready, hello=hello, demands=demands)

    @property
    def has_ended(self) -> bool:
        """True when the process is over, as far as this kernel tells without reaping it."""
        if self._handle is None or self._status is not None:
            return self._status is not None
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return bool(ended.poll(0))

    def processor_seconds(self) -> float:
        """Return the processor time the child has used so far, by its own clock as the kernel keeps it."""
        if self._status is not None:
            return self.cpu_seconds
        try:
            return time.clock_gettime((~self.pid << 3) | _PROCESSOR_CLOCK)
        except OSError:  # ended, and not reaped yet
            return self.cpu_seconds

    def close(self) -> int:
        """Kill the child unless it has ended, reap it, and return its wait status. Twice is fine."""
        if self._status is None:
            self._status = 0
            self._kill()
            self.pipes.close()
            try:
                self._status, self.max_resident_kib, spent_us = self._reap(self.pid)
                self.cpu_seconds = 1e-6 * spent_us
            except SandboxError:
                self._status = signal.SIGKILL  # the zygote is gone, and its children with it
        return self._status

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            if self._handle is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        if self._handle is not None:
            os.close(self._handle)


def reported(error: ErrorAnswer, *, doing: str) -> StrategyRunError:
    """Return the failure a child reported itself."""
    line = error.line if error.line < 1_000_000 else 0
    where = f" at strategy.py line {line}" if line else ""
    text = printable(error.text)
    causes: dict[str, tuple[Cause, str]] = {
        "raised": ("raised", f"{doing} raised{where}: {text}"),
        "answer": ("answer", f"{doing} answered wrongly: {text}"),
        "memory": ("memory", f"{doing} ran out of memory{where}: {text or 'MemoryError'}"),
    }
    cause, message = causes[error.cause]
    return StrategyRunError(message, cause, line)


def death(status: int, *, doing: str, spent_seconds: float, cpu_seconds: int) -> StrategyRunError | SandboxError:
    """Return why a child ended without an answer, from its wait status and the processor time it used.

    The first process of a namespace does not hear SIGXCPU, and anybody may block it: then the limit ends it by
    SIGKILL, which is told from a kill by others by the time it used.
    """
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) == MEMORY_EXIT:
            return StrategyRunError(f"{doing} ran out of memory", "memory")
        return StrategyRunError(f"{doing} ended its process ({ending(status)}) instead of answering", "closed")
    number = os.WTERMSIG(status)
    if number == signal.SIGSYS:
        return StrategyRunError(f"{doing} made a forbidden system call and was killed", "forbidden")
    if number == signal.SIGXCPU or (number == signal.SIGKILL and spent_seconds >= cpu_seconds):
        return StrategyRunError(f"{doing} used more than {cpu_seconds} s of processor time", "cpu")
    if number == signal.SIGKILL:
        return SandboxError(
            f"the worker of {doing} was killed, by whoever is short of memory or by hand; "
            "nothing is concluded. Free memory and run again"
        )
    return StrategyRunError(f"{doing} crashed its process ({ending(status)})", "crashed")


def ending(status: int) -> str:
    """Return how a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        known = {int(s): s.name for s in signal.Signals}
        return f"killed by {known.get(number, f'signal {number}')}"
    return f"exit code {os.WEXITSTATUS(status)}"
