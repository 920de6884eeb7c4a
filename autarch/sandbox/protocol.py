"""The wire between an evaluator and a confined child: frames of a 32-bit length and a body, little-endian.

To the child: `O` (open a strategy), then any number of `D` (decide). From it, one frame each: `R` when it
is confined, before it has seen any strategy; then `T` (targets) or `E` (error). Arrays are raw float64.
Only new rows of a symbol are sent; the child keeps the rest of the window and drops what left it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from autarch.manifest import ParamValue
from autarch.market.types import Floats
from autarch.sandbox.failure import TEXT_MAX
from autarch.strategy.contract import CALENDAR, COLUMNS

WINDOW_COLUMNS = (*COLUMNS, *CALENDAR)
"""Rows of a window's array, in this order."""

FRAME_HEADER = struct.Struct("<I")
ERROR_BYTES_MAX = 4 * TEXT_MAX + 64
READY_BYTES_MAX = 4096
PANEL = -1

_OPEN, _DECIDE, _READY, _TARGETS, _ERROR = b"O", b"D", b"R", b"T", b"E"
_DECIDE_HEADER = struct.Struct("<IIiH")
_STREAM_HEADER = struct.Struct("<HII")
_ERROR_HEADER = struct.Struct("<BI")
_ERROR_CAUSES = ("raised", "answer", "memory")
_CELL = 8


class OpenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All a child learns of a strategy: no name, no title, no date."""

    code: bytes
    symbols: tuple[str, ...]
    context: tuple[str, ...]
    interval_ms: int
    mode: str
    max_leverage: float
    params: dict[str, ParamValue]

    @property
    def streams(self) -> tuple[str, ...]:
        """Symbols in the order their streams are numbered."""
        return (*self.symbols, *self.context)


class Ready(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a child did and tried before it saw a strategy: layer -> "" or why not; attempt -> refused or not."""

    layers: dict[str, str]
    refused: dict[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """New rows of one symbol: (len(WINDOW_COLUMNS), n_new); `drop` old rows leave at the front first."""

    index: int
    drop: int
    rows: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRequest:
    """One decide call. `phase` is the first bar's number within its day, `target` a stream or PANEL."""

    phase: int
    keep: int
    target: int
    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """A failure the child could still report."""

    cause: str
    line: int
    text: str


def encode_open(request: OpenRequest) -> bytes:
    """Return the body of an `O` frame."""
    return _OPEN + msgspec.msgpack.encode(request)


def encode_decide(request: DecideRequest) -> bytes:
    """Return the body of a `D` frame."""
    parts = [_DECIDE, _DECIDE_HEADER.pack(request.phase, request.keep, request.target, len(request.streams))]
    for stream in request.streams:
        parts.append(_STREAM_HEADER.pack(stream.index, stream.drop, stream.rows.shape[1]))
        parts.append(np.ascontiguousarray(stream.rows, dtype="<f8").tobytes())
    return b"".join(parts)


def decode_request(body: bytes) -> OpenRequest | DecideRequest:
    """Return what the evaluator asked; used by the child, which trusts it."""
    if body[:1] == _OPEN:
        return msgspec.msgpack.decode(body[1:], type=OpenRequest)
    phase, keep, target, count = _DECIDE_HEADER.unpack_from(body, 1)
    at = 1 + _DECIDE_HEADER.size
    streams = []
    for _ in range(count):
        index, drop, rows = _STREAM_HEADER.unpack_from(body, at)
        at += _STREAM_HEADER.size
        cells = rows * len(WINDOW_COLUMNS)
        array = np.frombuffer(body, dtype="<f8", count=cells, offset=at).reshape(len(WINDOW_COLUMNS), rows)
        at += _CELL * cells
        streams.append(Stream(index=index, drop=drop, rows=array))
    return DecideRequest(phase=phase, keep=keep, target=target, streams=tuple(streams))


def encode_ready(ready: Ready) -> bytes:
    """Return the body of an `R` frame."""
    return _READY + msgspec.msgpack.encode(ready)


def decode_ready(body: bytes) -> Ready:
    """Return what a child reported before it saw a strategy; ValueError when it is no `R` frame."""
    if body[:1] != _READY:
        raise ValueError("not a ready frame")
    return msgspec.msgpack.decode(body[1:], type=Ready)


def encode_targets(arrays: Sequence[Floats]) -> bytes:
    """Return the body of a `T` frame: exposure, stop_loss, take_profit, each (keep, k)."""
    return _TARGETS + b"".join(np.ascontiguousarray(array, dtype="<f8").tobytes() for array in arrays)


def targets_bytes(*, keep: int, columns: int) -> int:
    """Return the exact size of a `T` body."""
    return 1 + 3 * _CELL * keep * columns


def encode_error(cause: str, line: int, text: str) -> bytes:
    """Return the body of an `E` frame."""
    return _ERROR + _ERROR_HEADER.pack(_ERROR_CAUSES.index(cause), line) + text[:TEXT_MAX].encode("utf-8", "replace")


def decode_answer(body: bytes, *, keep: int, columns: int) -> tuple[Floats, Floats, Floats] | ErrorAnswer:
    """Return what a child answered, which nobody trusts yet.

    Raises:
        ValueError: neither an error nor exactly three arrays of (keep, columns).
    """
    if body[:1] == _ERROR and len(body) > _ERROR_HEADER.size:
        cause, line = _ERROR_HEADER.unpack_from(body, 1)
        text = body[1 + _ERROR_HEADER.size :].decode("utf-8", "replace")
        if cause < len(_ERROR_CAUSES):
            return ErrorAnswer(cause=_ERROR_CAUSES[cause], line=line, text=text)
    if body[:1] != _TARGETS or len(body) != targets_bytes(keep=keep, columns=columns):
        raise ValueError(f"found {len(body)} bytes, expected {targets_bytes(keep=keep, columns=columns)}")
    values = np.frombuffer(body, dtype="<f8", offset=1).reshape(3, keep, columns)
    return values[0].copy(), values[1].copy(), values[2].copy()
