"""Inside confinement: load one strategy and answer decide calls until the pipe ends.

Nothing here is trusted once the strategy has been loaded: the evaluator checks every answer again.
"""

from __future__ import annotations

import builtins
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from autarch.errors import StrategyError
from autarch.market.types import Floats
from autarch.sandbox import answers, protocol
from autarch.sandbox.memo import Memo
from autarch.sandbox.protocol import FRAME_HEADER, PANEL, DecideRequest, OpenRequest, Stream, groups_of
from autarch.sandbox.source_names import BUILTINS
from autarch.strategy import Bars, Params, Targets, ops
from autarch.strategy.answer import shaped_targets
from autarch.strategy.contract import CALENDAR

STRATEGY_FILE = "strategy.py"
_READ_MIN = 1 << 16  # what a pipe holds at least
_NO_ROWS = np.empty(0)
_NO_CONTEXT: Mapping[str, Bars] = MappingProxyType({})
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
        self._params = [Params(each) for each in request.params]
        n_columns = len(request.columns)
        self._rows: list[list[Floats]] = [[np.empty(0)] * n_columns for _ in request.streams]
        self._n_rows = [0] * len(request.streams)
        self._memo = _remember() if len(request.params) > 1 else None
        self._decide = _load(request.code)

    def answer(self, request: DecideRequest) -> Iterator[bytes]:
        """Yield frames with the last `keep` rows of exposure, stop_loss and take_profit, as the request asks."""
        for stream in request.streams:
            self._merge(stream)
        if len(request.targets) == len(request.sets) == 1:
            lone = self._bars(request.targets[0], request.phase)
            yield answers.encode_group((self._one(lone, request.sets[0], request.keep),))
            return
        bars, shown = None, -1
        for places, chosen in groups_of(len(request.targets), request.sets, request.group):
            group = []
            for place in range(places.start, places.stop):
                if bars is None or place != shown:
                    bars, shown = self._bars(request.targets[place], request.phase), place
                group += [self._one(bars, which, request.keep) for which in chosen]
            yield answers.encode_group(group)

    def _one(self, bars: Bars, which: int, keep: int) -> tuple[int, bytes]:
        try:
            targets = self._decide(bars, self._params[which])
            exposure, stop, take = shaped_targets(targets, self._shape(len(bars)))
            return answers.encode_given(exposure, stop, take, keep=keep)
        except BaseException as error:  # noqa: BLE001  whatever a strategy raises is an answer
            return answers.encode_failed(*_described(error))

    def _shape(self, n_rows: int) -> tuple[int, ...]:
        return (n_rows,) if self._request.mode == "each" else (n_rows, len(self._request.symbols))

    def _merge(self, stream: Stream) -> None:
        kept = self._rows[stream.index]
        if stream.drop or stream.n_rows:
            for column, array in enumerate(kept):
                new = stream.columns[column] if stream.n_rows else _NO_ROWS
                kept[column] = np.concatenate((array[stream.drop :], new))
                kept[column].setflags(write=False)  # it is shown as it is
            self._n_rows[stream.index] += stream.n_rows - stream.drop

    def _bars(self, target: int, phase: int) -> Bars:
        n_symbols, names = len(self._request.symbols), self._request.columns
        context = {
            symbol: self._build(dict(zip(names, self._rows[index], strict=True)), index, phase, _NO_CONTEXT)
            for index, symbol in enumerate(self._request.context, start=n_symbols)
        }
        shown = MappingProxyType(context)
        if target == PANEL:
            columns, stream = {name: self._panel(column, name) for column, name in enumerate(names)}, 0
        else:
            columns, stream = dict(zip(names, self._rows[target], strict=True)), target
        if self._memo is not None:
            others = (column for index in range(n_symbols, len(self._rows)) for column in self._rows[index])
            self._memo.begin((*columns.values(), *others))
        return self._build(columns, stream, phase, shown)

    def _panel(self, column: int, name: str) -> Floats:
        rows = [self._rows[index][column] for index in range(len(self._request.symbols))]
        stacked = rows[0] if name in CALENDAR else np.stack(rows, axis=1)
        stacked.setflags(write=False)
        return stacked

    def _build(self, columns: dict[str, Floats], stream: int, phase: int, context: Mapping[str, Bars]) -> Bars:
        return Bars.of_named(
            columns,
            n_bars=self._n_rows[stream],
            first_bar=phase,
            interval_ms=self._request.interval_ms,
            context=context,
        )


def _remember() -> Memo:
    memo, talib = Memo(), sys.modules["talib"]
    memo.install(talib, talib.get_functions())
    memo.install(ops, ops.__all__)
    return memo


def serve(*, request_fd: int, answer_fd: int) -> None:
    """Answer requests until the evaluator closes its end; a strategy that does not load is reported, and ends it."""
    sys.stdout = sys.stderr = _Nowhere()
    warnings.simplefilter("ignore")  # to show one, Python would look for the source file
    strategy, n_columns = None, 0
    while (body := read_frame(request_fd)) is not None:
        request = protocol.decode_request(body, n_columns=n_columns)
        if isinstance(request, DecideRequest):
            if strategy is None:
                return
            for frame in strategy.answer(request):
                write_frame(answer_fd, frame)
            continue
        try:
            strategy, n_columns = _Strategy(request), len(request.columns)
        except BaseException as error:  # noqa: BLE001  whatever a strategy raises is an answer
            write_frame(answer_fd, answers.encode_unloaded(*_described(error)))
            return
        write_frame(answer_fd, answers.encode_group(()))


def read_frame(fd: int) -> bytes | None:
    """Return the next frame's body, or None when the pipe has ended.

    The evaluator sends nothing more before it has its answer, so no later frame is read along.
    """
    content, size = os.read(fd, _READ_MIN), FRAME_HEADER.size
    if len(content) >= size:
        size += FRAME_HEADER.unpack_from(content)[0]
        if len(content) == size:
            return content[FRAME_HEADER.size :]  # whole at once, as a row or two always is
    parts, have = [content], len(content)
    while content and have < size:
        content = os.read(fd, max(size - have, _READ_MIN))
        parts.append(content)
        have += len(content)
        if size == FRAME_HEADER.size <= have:
            parts = [b"".join(parts)]
            size += FRAME_HEADER.unpack_from(parts[0])[0]
    return b"".join(parts)[FRAME_HEADER.size :] if content else None


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


def _described(error: BaseException) -> tuple[str, int, str]:
    """Return cause, line and text of `error`; the text is cut and cleaned again by whoever receives it."""
    line = _line_of(error)
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  a strategy's exception may raise when printed
        text = ""
    if isinstance(error, MemoryError):
        return "memory", line, text
    if isinstance(error, StrategyError) and type(error) is StrategyError:
        return "answer", line, text
    return "raised", line, f"{type(error).__name__}: {text}" if text else type(error).__name__


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
