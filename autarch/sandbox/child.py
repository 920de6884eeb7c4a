"""Inside confinement: load one strategy and answer decide calls until the pipe ends.

Nothing here is trusted once the strategy has been loaded: the evaluator checks every answer again.
"""

from __future__ import annotations

import builtins
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from autarch.errors import StrategyError
from autarch.market.types import Floats
from autarch.sandbox import protocol
from autarch.sandbox.protocol import FRAME_HEADER, PANEL, WINDOW_COLUMNS, DecideRequest, OpenRequest
from autarch.sandbox.source_names import BUILTINS
from autarch.strategy import Bars, Params, Targets
from autarch.strategy.answer import check_targets
from autarch.strategy.contract import CALENDAR

STRATEGY_FILE = "strategy.py"
_READ_MIN = 1 << 16  # what a pipe holds
IMPORTABLE = ("__future__", "autarch.strategy", "autarch.strategy.ops", "math", "numpy", "pandas", "talib")


class _Nowhere:
    """A stream that swallows: what a strategy or a library prints goes nowhere."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


class _Strategy:
    """A loaded strategy with the rows it has been sent so far."""

    def __init__(self, request: OpenRequest) -> None:
        self._request = request
        self._params = Params(request.params)
        self._rows: list[Floats] = [np.empty((len(WINDOW_COLUMNS), 0)) for _ in request.streams]
        self._decide = _load(request.code)

    def answer(self, request: DecideRequest) -> tuple[Floats, Floats, Floats]:
        """Return the last `keep` rows of exposure, stop_loss and take_profit, each (keep, k)."""
        for stream in request.streams:
            self._rows[stream.index] = np.concatenate((self._rows[stream.index][:, stream.drop :], stream.rows), axis=1)
        bars = self._bars(request)
        is_panel = request.target == PANEL
        targets = self._decide(bars, self._params)
        checked = check_targets(
            targets,
            n_rows=len(bars),
            n_symbols=len(self._request.symbols) if is_panel else 1,
            mode="panel" if is_panel else "each",
            max_leverage=self._request.max_leverage,
            counts_from=len(bars) - request.keep,
        )
        exposure, stop_loss, take_profit = (array[len(bars) - request.keep :] for array in checked)
        return exposure, stop_loss, take_profit

    def _bars(self, request: DecideRequest) -> Bars:
        n_symbols = len(self._request.symbols)
        context = {
            symbol: self._build(dict(zip(WINDOW_COLUMNS, self._rows[n_symbols + i], strict=True)), request.phase)
            for i, symbol in enumerate(self._request.context)
        }
        if request.target != PANEL:
            columns = dict(zip(WINDOW_COLUMNS, self._rows[request.target], strict=True))
            return self._build(columns, request.phase, context)
        stacked = np.stack(self._rows[:n_symbols], axis=2)  # (columns, rows, symbols)
        panel = dict(zip(WINDOW_COLUMNS, stacked, strict=True))
        panel.update({name: panel[name][:, 0] for name in CALENDAR})
        return self._build(panel, request.phase, context)

    def _build(self, columns: Mapping[str, Floats], phase: int, context: Mapping[str, Bars] | None = None) -> Bars:
        return Bars.build(columns, first_bar=phase, interval_ms=self._request.interval_ms, context=context)


def serve(*, request_fd: int, answer_fd: int) -> None:
    """Answer requests until the evaluator closes its end; each failure is reported and ends the session."""
    sys.stdout = sys.stderr = _Nowhere()
    warnings.simplefilter("ignore")  # to show one, Python would look for the source file
    strategy: _Strategy | None = None
    while (body := read_frame(request_fd)) is not None:
        try:
            request = protocol.decode_request(body)
            if isinstance(request, OpenRequest):
                strategy = _Strategy(request)
                answer = protocol.encode_targets(())
            elif strategy is not None:
                answer = protocol.encode_targets(strategy.answer(request))
            else:
                return
        except BaseException as error:  # noqa: BLE001  whatever a strategy raises is an answer
            write_frame(answer_fd, _describe(error))
            return
        write_frame(answer_fd, answer)


def read_frame(fd: int) -> bytes | None:
    """Return the next frame's body, or None when the pipe has ended.

    The evaluator sends nothing more before it has its answer, so no later frame is read along.
    """
    parts, have, size = [], 0, FRAME_HEADER.size
    while have < size:
        part = os.read(fd, max(size - have, _READ_MIN))
        if not part:
            return None
        parts.append(part)
        have += len(part)
        if size == FRAME_HEADER.size <= have:
            parts = [b"".join(parts)]
            size += FRAME_HEADER.unpack_from(parts[0])[0]
    return b"".join(parts)[FRAME_HEADER.size :]


def write_frame(fd: int, body: bytes) -> None:
    """Write one frame whole."""
    left = memoryview(FRAME_HEADER.pack(len(body)) + body)
    while left:
        left = left[os.write(fd, left) :]


def _load(code: bytes) -> Callable[[Bars, Params], Targets]:
    """Run strategy.py in a module of its own and return its `decide`.

    Raises:
        StrategyError: it defines no function `decide`.
        BaseException: whatever its code raises.
    """
    module = ModuleType("strategy")
    names = {name: getattr(builtins, name) for name in sorted(BUILTINS)}
    module.__dict__["__builtins__"] = {**names, "__import__": _import}
    exec(compile(code, STRATEGY_FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  what this process is for
    decide = module.__dict__.get("decide")
    if not callable(decide):
        raise StrategyError("strategy.py defines no function decide(bars, p); add one")
    return decide  # type: ignore[no-any-return]


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,  # noqa: A002  the interpreter's own signature
    locals: Mapping[str, object] | None = None,  # noqa: A002  likewise
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """Return an already imported module from the short list; nothing new can be loaded here."""
    del globals, locals
    if isinstance(fromlist, list) and name in sys.modules:
        # Only C code passes a list (PyImport_Import): numpy looks up modules of its own, on first
        # use, through the builtins of whichever frame runs.
        return sys.modules[name]
    if level or name not in IMPORTABLE:
        raise ImportError(f"a strategy cannot import {'.' * level}{name}; it may import {', '.join(IMPORTABLE)}")
    if "." in name and not fromlist:
        raise ImportError(f"write `from {name} import ...` instead of `import {name}`")
    return sys.modules[name]


def _describe(error: BaseException) -> bytes:
    """Return the `E` frame for `error`; its text is cut and cleaned again by whoever receives it."""
    line = _line_of(error)
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  a strategy's exception may raise when printed
        text = ""
    if isinstance(error, MemoryError):
        return protocol.encode_error("memory", line, text)
    if isinstance(error, StrategyError) and type(error) is StrategyError:
        return protocol.encode_error("answer", line, text)
    return protocol.encode_error("raised", line, f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _line_of(error: BaseException) -> int:
    """Return the innermost line of strategy.py on the way to `error`, 0 when it never was there."""
    if isinstance(error, SyntaxError) and error.filename == STRATEGY_FILE:
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == STRATEGY_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
