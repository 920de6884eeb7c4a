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
from collections.abc import Mapping, Sequence
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
    def level(self) -> SandboxLevel:
        """The layers a child of this worker reaches, measured on one that is thrown away.

        Raises:
            SandboxError: the zygote did not start, or a required layer is missing and weak is not allowed.
        """
        with self._lock:
            if self._level is None or self._measured_for != self.demands:
                with self._child() as child:
                    measured = child.level
                self._level, self._measured_for = measured, self.demands
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
        """Fork one confined child and measure its level."""
        hello = self._greeting()
        request_read, request_write = os.pipe()
        answer_read, answer_write = os.pipe()
        try:
            pid = self._fork(request_read, answer_write)
        except BaseException:
            for fd in (request_write, answer_read):
                os.close(fd)
            raise
        finally:
            for fd in (request_read, answer_write):
                os.close(fd)
        child = Child(pid=pid, write_fd=request_write, read_fd=answer_read, reap=self._reap)
        try:
            child.measure(hello, self.demands, seconds=self.limits.open_seconds)
            if not self.allow_weak:
                level.require_full(child.level)
        except BaseException:
            child.close()
            raise
        return child

    def _fork(self, request_read: int, answer_write: int) -> int:
        request = REQUEST.pack(control.FORK, self.limits.address_space_bytes, self.limits.cpu_seconds)
        pid, _, _ = self._ask(request, (request_read, answer_write))
        if pid <= 0:
            raise SandboxError(f"the zygote could not fork: {os.strerror(-pid)}; free memory or processes and retry")
        return pid

    def _reap(self, pid: int) -> tuple[int, int, int]:
        return self._ask(REQUEST.pack(control.REAP, pid, 0), ())

    def _ask(self, request: bytes, fds: tuple[int, ...]) -> tuple[int, int, int]:
        with self._lock:
            if self._control is None:
                raise SandboxError(
                    "the zygote is gone or its worker closed; open another with `with Worker() as worker`"
                )
            try:
                if fds:
                    socket.send_fds(self._control, [request], fds)
                else:
                    self._control.sendall(request)
                status, size, spent = REPLY.unpack(_receive(self._control, REPLY.size, _REPLY_SECONDS_MAX))
            except OSError as error:
                self._abandon()
                raise SandboxError(f"the zygote is gone ({error}); it was killed from outside. Run again") from error
            except BaseException:  # an interrupt between question and answer: the next answer would be the wrong one
                self._abandon()
                raise
        return status, size, spent

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
