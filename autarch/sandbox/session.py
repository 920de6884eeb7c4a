"""One strategy in one confined child: windows go in, checked targets or the cause of death come out."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import NoReturn, Self

from autarch.errors import SandboxError, StrategyError, UsageError
from autarch.manifest import ParamValue, StrategySource
from autarch.market.types import Floats
from autarch.sandbox import level, protocol
from autarch.sandbox.control import MEMORY_EXIT, Hello
from autarch.sandbox.failure import Cause, StrategyRunError, printable
from autarch.sandbox.pipes import FramePipes, PipeClosedError, PipeGarbageError, PipeTimeoutError
from autarch.sandbox.protocol import (
    ERROR_BYTES_MAX,
    PANEL,
    READY_BYTES_MAX,
    DecideRequest,
    ErrorAnswer,
    OpenRequest,
    Stream,
)
from autarch.sandbox.values import SandboxLevel, TargetRows, Window, WorkerLimits
from autarch.strategy.answer import check_values

DAY_MS = 86_400_000
DECIDING, LOADING = "decide()", "loading strategy.py"


class Child:
    """A forked, confined process and the evaluator's ends of its pipes."""

    def __init__(self, *, pid: int, write_fd: int, read_fd: int, reap: Callable[[int], tuple[int, int, int]]) -> None:
        self.pid = pid
        self.pipes = FramePipes(write_fd=write_fd, read_fd=read_fd)
        self.level = SandboxLevel(layers=(), kernel="")
        self.max_resident_kib = 0
        self._reap = reap
        self._status: int | None = None
        # Until it is reaped the number is its own; a descriptor stays so even if the zygote dies first.
        self._handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def measure(self, hello: Hello, *, seconds: float) -> None:
        """Wait until the child is confined and set `level` from /proc; before any strategy is sent.

        Raises:
            SandboxError: it died or fell silent on the way.
        """
        try:
            deadline = time.monotonic() + seconds
            ready = protocol.decode_ready(self.pipes.receive(bytes_max=READY_BYTES_MAX, deadline=deadline))
        except (PipeClosedError, PipeTimeoutError, PipeGarbageError, ValueError) as error:
            found = _ending(self.close()) if isinstance(error, PipeClosedError) else "it did not answer"
            raise SandboxError(
                f"a worker failed while confining itself: {found}; this is no fault of the strategy"
            ) from error
        self.level = level.judge(status=level.read_status(self.pid), ready=ready, hello=hello)

    def close(self) -> int:
        """Kill the child unless it has ended, reap it, and return its wait status. Twice is fine."""
        if self._status is None:
            self._status = 0
            self._kill()
            self.pipes.close()
            try:
                self._status, self.max_resident_kib, _ = self._reap(self.pid)
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


class Session:
    """A strategy loaded in its own confined child. Windows must not go back in time.

    The first failure is final: the child is gone and every later call raises the same error.
    """

    def __init__(
        self,
        child: Child,
        source: StrategySource,
        *,
        params: Mapping[str, ParamValue] | None,
        limits: WorkerLimits,
        forget: Callable[[Session], None],
    ) -> None:
        self._child, self._limits, self._forget = child, limits, forget
        self._manifest = source.manifest
        self._streams = (*source.manifest.symbols, *source.manifest.context)
        self._held: dict[str, tuple[int, int]] = {}  # symbol -> first and one-past-last bar number the child holds
        self._failure: Exception | None = None
        self._open_request = (source.code, params)
        self._seconds_left = limits.session_seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        return self._child.pid

    @property
    def level(self) -> SandboxLevel:
        """The layers this very child reached."""
        return self._child.level

    @property
    def max_resident_kib(self) -> int:
        """Largest resident size of the child in KiB, known once it is closed."""
        return self._child.max_resident_kib

    def open(self) -> None:
        """Send the strategy and wait until it has loaded; called by `Worker.session`.

        Raises:
            StrategyError: it does not load, or the parameters do not fit.
        """
        code, params = self._open_request
        try:
            request = OpenRequest(
                code=code,
                symbols=self._manifest.symbols,
                context=self._manifest.context,
                interval_ms=self._manifest.interval_ms,
                mode=self._manifest.mode,
                max_leverage=self._manifest.max_leverage,
                params=merge_params(self._manifest.params, params or {}),
            )
            self._exchange(protocol.encode_open(request), keep=0, columns=0, doing=LOADING)
        except BaseException:
            self.close()
            raise

    def decide(self, window: Window, *, keep: int) -> TargetRows:
        """Return the last `keep` rows of `decide` on `window`.

        Raises:
            StrategyRunError: the strategy raised, broke its contract, or its process ended; the text says how.
            UsageError: the window goes back in time, lacks a symbol, or `keep` does not fit.
            SandboxError: the child was killed from outside.
        """
        columns = 1 if window.target is not None else len(self._manifest.symbols)
        if not 1 <= keep <= window.n_rows:
            raise UsageError(f"keep is {keep}; expected 1 to the window's {window.n_rows} rows")
        body = protocol.encode_decide(self._request(window, keep))
        arrays = self._exchange(body, keep=keep, columns=columns, doing=DECIDING)
        try:
            check_values(*arrays, mode=self._manifest.mode, max_leverage=self._manifest.max_leverage, counts_from=0)
        except StrategyError as error:
            self._fail(StrategyRunError(f"{DECIDING} answered wrongly: {printable(str(error))}", "answer"))
        exposure, stop, take = (a[:, 0] if window.target is not None else a for a in arrays)
        return TargetRows(exposure=exposure, stop_loss=stop, take_profit=take)

    def close(self) -> None:
        """Kill and reap the child. Twice is fine."""
        if self._failure is None:
            self._failure = UsageError("this session is closed; open another with worker.session(source)")
        self._child.close()
        self._forget(self)

    def _request(self, window: Window, keep: int) -> DecideRequest:
        if (window.target is None) != (self._manifest.mode == "panel"):
            raise UsageError(f"a {self._manifest.mode} strategy got a window with target {window.target}")
        end = window.first_bar + window.n_rows
        streams = []
        for symbol, rows in window.columns.items():
            streams.append(self._stream(symbol, rows, window.first_bar, end))
        needed = set(self._streams if window.target is None else (window.target, *self._manifest.context))
        if set(window.columns) != needed:
            raise UsageError(f"the window holds {sorted(window.columns)}; expected {sorted(needed)}")
        return DecideRequest(
            phase=window.first_bar % (DAY_MS // self._manifest.interval_ms),
            keep=keep,
            target=PANEL if window.target is None else self._streams.index(window.target),
            streams=tuple(streams),
        )

    def _stream(self, symbol: str, rows: Floats, first: int, end: int) -> Stream:
        """Return what brings the child from the rows it holds of `symbol` to [first, end)."""
        held_first, held_end = self._held.get(symbol, (first, first))
        if first < held_first or end < held_end:
            raise UsageError(
                f"window [{first}, {end}) of {symbol} goes back behind [{held_first}, {held_end}); "
                "ask in ascending order, or open another session"
            )
        drop = min(first, held_end) - held_first
        new_from = max(first, held_end)
        self._held[symbol] = (first, end)
        return Stream(index=self._streams.index(symbol), drop=drop, rows=rows[:, new_from - first :])

    def _exchange(self, body: bytes, *, keep: int, columns: int, doing: str) -> tuple[Floats, Floats, Floats]:
        if self._failure is not None:
            raise self._failure
        expected = protocol.targets_bytes(keep=keep, columns=columns)
        began = time.monotonic()
        deadline = began + self._allowed_seconds(is_open=keep == 0)
        try:
            self._child.pipes.send(body, deadline=deadline)
            answer = self._child.pipes.receive(bytes_max=max(expected, ERROR_BYTES_MAX), deadline=deadline)
            decoded = protocol.decode_answer(answer, keep=keep, columns=columns)
        except PipeTimeoutError:
            self._fail(self._too_slow(doing, deadline - began))
        except (PipeGarbageError, ValueError) as error:
            self._fail(StrategyRunError(f"{doing} wrote what is no answer ({error})", "garbage"))
        except PipeClosedError:
            self._fail(death(self._child.close(), doing=doing, cpu_seconds=self._limits.cpu_seconds))
        except OSError as error:
            self._fail(SandboxError(f"the pipe to a worker broke: {error}"))
        if isinstance(decoded, ErrorAnswer):
            self._fail(reported(decoded, doing=doing))
        self._seconds_left -= time.monotonic() - began
        return decoded

    def _allowed_seconds(self, *, is_open: bool) -> float:
        if is_open:
            return self._limits.open_seconds
        return min(self._limits.request_seconds, self._seconds_left)

    def _too_slow(self, doing: str, seconds: float) -> StrategyRunError:
        if self._seconds_left < self._limits.request_seconds and doing == DECIDING:
            text = f"all {doing} calls together took longer than {self._limits.session_seconds:g} s"
            return StrategyRunError(f"{text}; make it cheaper", "timeout")
        return StrategyRunError(f"{doing} took longer than {seconds:g} s and was stopped", "timeout")

    def _fail(self, failure: Exception) -> NoReturn:
        self._failure = failure
        self.close()
        raise failure


def merge_params(defaults: Mapping[str, ParamValue], override: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """Return `defaults` with values replaced by name, types kept.

    Raises:
        StrategyError: a name the manifest lacks, or a value of another type.
    """
    for name, value in override.items():
        if name not in defaults:
            raise StrategyError(f"there is no parameter {name!r}; [params] has: {', '.join(defaults) or 'none'}")
        if type(value) is not type(defaults[name]):
            raise StrategyError(f"parameter {name} is {type(defaults[name]).__name__} in the manifest; found {value!r}")
    return {**defaults, **override}


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


def death(status: int, *, doing: str, cpu_seconds: int) -> StrategyRunError | SandboxError:
    """Return why a child ended without an answer, from its wait status."""
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) == MEMORY_EXIT:
            return StrategyRunError(f"{doing} ran out of memory", "memory")
        return StrategyRunError(f"{doing} ended its process ({_ending(status)}) instead of answering", "closed")
    number = os.WTERMSIG(status)
    if number == signal.SIGSYS:
        return StrategyRunError(f"{doing} made a forbidden system call and was killed", "forbidden")
    if number == signal.SIGXCPU:
        return StrategyRunError(f"{doing} used more than {cpu_seconds} s of processor time", "cpu")
    if number == signal.SIGKILL:
        return SandboxError(
            f"the worker of {doing} was killed, by whoever is short of memory or by hand; "
            "nothing is concluded. Free memory and run again"
        )
    return StrategyRunError(f"{doing} crashed its process ({_ending(status)})", "crashed")


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        known = {int(s): s.name for s in signal.Signals}
        return f"killed by {known.get(number, f'signal {number}')}"
    return f"exit code {os.WEXITSTATUS(status)}"
