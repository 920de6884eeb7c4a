"""Run strategies in confined processes: a zygote that imports once, a forked child for each session.

`with Worker() as worker, worker.session(source) as session: session.decide(window, keep=k)`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from autarch.errors import SandboxError
from autarch.manifest import ParamValue, StrategySource
from autarch.numerics import pinned_environment
from autarch.sandbox import control, kernel, level
from autarch.sandbox.budget import Budget
from autarch.sandbox.control import HELLO_BYTES_MAX, HELLO_HEADER, REPLY, REQUEST, Hello
from autarch.sandbox.failure import printable
from autarch.sandbox.forked import Child
from autarch.sandbox.layers import DEMANDS, Demands
from autarch.sandbox.session import Session
from autarch.sandbox.values import SandboxLevel, WorkerLimits

_ENVIRONMENT_KEPT = ("AUTARCH_CACHE", "HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
_CODE = control.running_code()  # now: the files may be edited before a worker starts
_REPLY_SECONDS_MAX = 30.0
_CLOSE_SECONDS_MAX = 5.0


class Worker:
    """One zygote under the numeric pin. Starts on entering, imports while the caller goes on.

    The zygote and every child end when this is closed or its process dies, however it dies. Sessions
    may be opened from several threads; each session belongs to one.

    Attributes:
        budget: What sessions opened from now on may use together; None for no such limit.

    Args:
        hash_seed: PYTHONHASHSEED of all its children.
        limits: What each child may use.
        clock_shift_s: Children's clocks stand still at a fixed instant; this moves it, so that two
            workers differ in nothing else a strategy could see.
        shifted_addresses: Lay memory out in another, as fixed, way; what reads addresses answers otherwise.
        allow_weak: Run even where a required layer is missing; `level` tells. Nothing such a worker
            computes is a verdict.
        demands: Which layers are required, and which are missed with a warning alone.
        python: Interpreter to exec.
    """

    def __init__(  # noqa: PLR0913  each names one thing about a process, and all have defaults
        self,
        *,
        hash_seed: int = 0,
        limits: WorkerLimits | None = None,
        clock_shift_s: int = 0,
        shifted_addresses: bool = False,
        allow_weak: bool = False,
        demands: Demands = DEMANDS,
        python: str = sys.executable,
    ) -> None:
        self.limits = limits or WorkerLimits()
        self.hash_seed, self.clock_shift_s, self.allow_weak = hash_seed, clock_shift_s, allow_weak
        self.demands = demands
        self.budget: Budget | None = None
        self._python, self.shifted_addresses = python, shifted_addresses
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stderr: IO[bytes] | None = None
        self._hello: Hello | None = None
        self._level: SandboxLevel | None = None
        self._measured_for = demands
        self._sessions: set[Session] = set()
        self._begun = 0  # children that were asked for by a session, or to be measured
        self._waiting: Child | None = None  # forked and confined in advance; it has seen nothing yet
        self._waiting_limits = self.limits
        self._owed: tuple[int, int] | None = None  # our pipe ends of a child the zygote has not told of yet

    def __enter__(self) -> Self:
        ours, theirs = socket.socketpair()
        environment = _clean_environment(os.environ)
        self._stderr = tempfile.TemporaryFile()
        arguments = [str(theirs.fileno()), str(os.getpid()), str(self.clock_shift_s), *_CODE]
        with theirs, kernel.fixed_addresses(shifted=self.shifted_addresses):
            self._process = subprocess.Popen(
                [self._python, "-P", "-s", "-m", "autarch.sandbox.zygote", *arguments],
                env=pinned_environment(environment, hash_seed=self.hash_seed),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
            )
        self._control = ours
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every session and the zygote; nothing is left running. Twice is fine."""
        with self._lock:
            for session in tuple(self._sessions):
                session.close()
            with suppress(SandboxError):  # the zygote is gone, and its children with it
                self._settle()
            if self._waiting is not None:
                self._waiting.close()
                self._waiting = None
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                if self._hello is None:
                    self._process.kill()  # still importing: it holds nothing, and would not hear us before it is done
                try:
                    self._process.wait(_CLOSE_SECONDS_MAX)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            if self._stderr is not None:
                self._stderr.close()
            self._control = self._process = self._stderr = None

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def waiting_pid(self) -> int | None:
        """Process id of the child that the next session finds confined already, if one waits."""
        return None if self._waiting is None else self._waiting.pid

    @property
    def level(self) -> SandboxLevel:
        """The layers that children of this worker reach, as measured on the newest; with none yet, on one made for it.

        Raises:
            SandboxError: the zygote did not start, or a required layer is missing and weak is not allowed.
        """
        with self._lock:
            if self._level is None or self._measured_for != self.demands:
                child = self._child()
                if self._waiting is None and self._owed is None:
                    self._waiting, self._waiting_limits = child, self.limits
                else:
                    child.close()
                return child.level
            return self._level

    @property
    def numerics(self) -> str:
        """The numeric self-test's digest as the zygote computed it, with pyarrow out of the way."""
        return self._greeting().numerics

    def session(self, source: StrategySource, params: Mapping[str, ParamValue] | None = None) -> Session:
        """Return a session with a fresh confined child that has loaded `source`; use it as a context manager.

        Args:
            source: The strategy; its policy has been checked by whoever calls.
            params: Values that replace the manifest's by name, of the same types.

        Raises:
            StrategyError: the code does not load, or `params` names or types do not fit the manifest.
            SandboxError: the child could not be confined.
        """
        return self.session_of_sets(source, [params or {}])

    def session_of_sets(self, source: StrategySource, params: Sequence[Mapping[str, ParamValue]]) -> Session:
        """Return a session that answers each question for every one of these parameter sets; see `session`."""
        session = Session(
            self._child(),
            source,
            params=params,
            limits=self.limits,
            forget=self._sessions.discard,
            budget=self.budget,
        )
        with self._lock:
            self._sessions.add(session)
        session.open()
        return session

    def _child(self) -> Child:
        """Return a confined child whose level has been measured: the one in waiting if there is one, else a new one.

        From the second on another is forked meanwhile, for whoever opens a session next.
        """
        hello = self._greeting()
        with self._lock:
            self._settle()
            waiting, self._waiting = self._waiting, None
            if waiting is not None and (self._waiting_limits != self.limits or waiting.has_ended):
                waiting.close()
                waiting = None
            child = waiting or self._forked()
            self._begun += 1
            if self._begun > 1:
                with suppress(OSError, SandboxError):  # whoever needs that child will see for himself
                    self._owed, self._waiting_limits = self._ask_for_child(), self.limits
        return self._measured(child, hello)

    def _measured(self, child: Child, hello: Hello) -> Child:
        try:
            child.measure(hello, self.demands, seconds=self.limits.open_seconds)
            if not self.allow_weak:
                level.require_full(child.level)
        except BaseException:
            child.close()
            raise
        self._level, self._measured_for = child.level, self.demands
        return child

    def _forked(self) -> Child:
        with self._lock:
            self._settle()
            asked = self._ask_for_child()
            pid = self._born(asked)
            if pid <= 0:
                problem = os.strerror(-pid)
                raise SandboxError(f"the zygote could not fork: {problem}; free memory or processes and retry")
            return self._child_of(asked, pid)

    def _settle(self) -> None:
        """Hear what became of a child that was asked for in advance; the zygote answers in order."""
        owed, self._owed = self._owed, None
        if owed is not None:
            pid = self._born(owed)
            if pid > 0:
                self._waiting = self._child_of(owed, pid)

    def _ask_for_child(self) -> tuple[int, int]:
        """Ask the zygote to fork, and return our two pipe ends: to write requests, to read answers."""
        (request_read, request_write), (answer_read, answer_write) = _two_pipes()
        request = REQUEST.pack(control.FORK, self.limits.address_space_bytes, self.limits.cpu_seconds)
        try:
            with self._speaking() as connection:
                socket.send_fds(connection, [request], (request_read, answer_write))
        except BaseException:
            for fd in (request_write, answer_read):
                os.close(fd)
            raise
        finally:
            for fd in (request_read, answer_write):
                os.close(fd)
        return request_write, answer_read

    def _born(self, asked: tuple[int, int]) -> int:
        """Return the process id of a child that was asked for, or -errno; its pipe ends are closed if there is none."""
        pid: int = 0
        try:
            with self._speaking() as connection:
                pid, _, _ = REPLY.unpack(_receive(connection, REPLY.size, _REPLY_SECONDS_MAX))
        finally:
            if pid <= 0:
                for fd in asked:
                    os.close(fd)
        return pid

    def _child_of(self, asked: tuple[int, int], pid: int) -> Child:
        return Child(pid=pid, write_fd=asked[0], read_fd=asked[1], reap=self._reap)

    def _reap(self, pid: int) -> tuple[int, int, int]:
        with self._lock:
            self._settle()
            with self._speaking() as connection:
                connection.sendall(REQUEST.pack(control.REAP, pid, 0))
                status, size, spent = REPLY.unpack(_receive(connection, REPLY.size, _REPLY_SECONDS_MAX))
        return status, size, spent

    @contextmanager
    def _speaking(self) -> Iterator[socket.socket]:
        """Yield the zygote's socket; whatever goes wrong with it ends the zygote, since an answer may be left in it."""
        with self._lock:
            if self._control is None:
                raise SandboxError(
                    "the zygote is gone or its worker closed; open another with `with Worker() as worker`"
                )
            try:
                yield self._control
            except OSError as error:
                self._abandon()
                raise SandboxError(f"the zygote is gone ({error}); it was killed from outside. Run again") from error
            except BaseException:  # an interrupt between question and answer: the next answer would be the wrong one
                self._abandon()
                raise

    def _abandon(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control = None
        if self._process is not None:
            self._process.kill()

    def _greeting(self) -> Hello:
        with self._lock:
            if self._hello is None:
                self._hello = self._receive_hello()
            return self._hello

    def _receive_hello(self) -> Hello:
        if self._control is None:
            raise SandboxError("the worker is closed; open it with `with Worker() as worker`")
        try:
            seconds = self.limits.start_seconds
            size = HELLO_HEADER.unpack(_receive(self._control, HELLO_HEADER.size, seconds))[0]
            hello = control.decode_hello(_receive(self._control, min(size, HELLO_BYTES_MAX), seconds))
        except (OSError, msgspec.DecodeError) as error:
            raise SandboxError(f"the worker did not start: {self._last_words() or error}") from error
        if hello.error:
            raise SandboxError(f"the worker could not import what strategies need: {printable(hello.error)}")
        return hello

    def _last_words(self) -> str:
        if self._stderr is None:
            return ""
        self._stderr.seek(0)
        lines = self._stderr.read(65_536).decode("utf-8", "replace").strip().splitlines()
        return printable(lines[-1]) if lines else ""


def _clean_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the few variables a zygote is given; PYTHONPATH made absolute, since it starts in another folder."""
    kept = {name: base[name] for name in _ENVIRONMENT_KEPT if name in base}
    if "PYTHONPATH" in kept:
        folders = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders if folder)
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _two_pipes() -> tuple[tuple[int, int], tuple[int, int]]:
    first = os.pipe()
    try:
        return first, os.pipe()
    except OSError:
        for fd in first:
            os.close(fd)
        raise


def _receive(connection: socket.socket, count: int, seconds: float) -> bytes:
    connection.settimeout(seconds)
    parts, left = [], count
    while left:
        part = connection.recv(left)
        if not part:
            raise ConnectionResetError("it closed its socket")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def sandbox_report() -> SandboxLevel:
    """Return the layers this machine offers, whether or not they suffice."""
    with Worker(allow_weak=True) as worker:
        return worker.level
