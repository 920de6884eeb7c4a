"""The wire to a confined child: frames of a 32-bit length and a body, little-endian; `answers` is the way back.

To the child: `O` (open a strategy), then any number of `D` (decide). From it, `R` when it is confined, before
it has seen any strategy. Arrays are raw float64. Only columns that the strategy names and only new rows of a
symbol are sent; the child keeps the rest of the window and drops what left it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

from autarch.manifest import ParamValue
from autarch.market.types import Floats
from autarch.strategy.contract import CALENDAR, COLUMNS

WINDOW_COLUMNS = (*COLUMNS, *CALENDAR)
"""Rows of a window's array, in this order."""

FRAME_HEADER = struct.Struct("<I")
READY_BYTES_MAX = 4096
PANEL = -1

_OPEN, _DECIDE, _READY = b"O", b"D", b"R"
_DECIDE_HEADER = struct.Struct("<cIIIIHH")
_STREAM_HEADER = struct.Struct("<HII")
_CELL = 8
_F8 = np.dtype("<f8")
_FEW_ROWS = 256  # up to here a copy costs less than a view of it
_WORD = re.compile(rb"\w+", re.ASCII)

Parts = list[bytes | memoryview]
"""A frame's body in pieces, which need not be copied into one."""


class OpenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All a child learns of a strategy: no name, no title, no date. `columns` are those it will be sent."""

    code: bytes
    symbols: tuple[str, ...]
    context: tuple[str, ...]
    columns: tuple[str, ...]
    interval_ms: int
    mode: str
    params: tuple[dict[str, ParamValue], ...]

    @property
    def streams(self) -> tuple[str, ...]:
        """Symbols in the order their streams are numbered."""
        return (*self.symbols, *self.context)


class Ready(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a child did and tried before it saw a strategy: layer -> "" or why not; attempt -> refused or not."""

    layers: dict[str, str]
    refused: dict[str, bool]


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """`n_rows` new rows of one symbol, an array a column; `drop` old rows leave at the front first."""

    index: int
    drop: int
    n_rows: int
    columns: Sequence[Floats]


class DecideRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Decide calls on one window: for each target (a stream or PANEL), one for each parameter set in `sets`.

    `phase` is the first bar's number within its day. Answers come back in the frames that `groups_of` cuts.
    """

    phase: int
    keep: int
    group: int
    sets: tuple[int, ...]
    targets: tuple[int, ...]
    streams: tuple[Stream, ...]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A decide request as it is sent, and how its answers come: the places and sets of each frame."""

    body: Parts
    groups: tuple[tuple[slice, tuple[int, ...]], ...]
    sets: tuple[int, ...]
    keep: int
    columns: int
    rows_before: int


@lru_cache(maxsize=64)
def columns_named(code: bytes) -> tuple[str, ...]:
    """Return the columns whose names occur in `code`; all where it resamples, which folds every column.

    What a strategy never spells it never reads: its source is ASCII and may not fetch attributes by
    computed names. One that manages to is told so (`Bars.__getattr__`).
    """
    words = frozenset(_WORD.findall(code))
    if b"resample" in words:
        return WINDOW_COLUMNS
    return tuple(name for name in WINDOW_COLUMNS if name.encode() in words)


def encode_open(request: OpenRequest) -> Parts:
    """Return the body of an `O` frame."""
    return [_OPEN, msgspec.msgpack.encode(request)]


def encode_decide(request: DecideRequest) -> Parts:
    """Return the body of a `D` frame; the rows are not copied."""
    counts = (len(request.sets), len(request.targets), len(request.streams))
    head = _DECIDE_HEADER.pack(_DECIDE, request.phase, request.keep, request.group, *counts)
    parts: Parts = [head, _numbers(*counts[:2]).pack(*request.sets, *request.targets)]
    for stream in request.streams:
        parts.append(_STREAM_HEADER.pack(stream.index, stream.drop, stream.n_rows))
        if stream.n_rows > _FEW_ROWS:
            parts += [np.ascontiguousarray(column, dtype=_F8).data.cast("B") for column in stream.columns]
        elif stream.n_rows:
            parts += [column.astype(_F8, copy=False).tobytes() for column in stream.columns]
    return parts


def decode_request(body: bytes, *, n_columns: int) -> OpenRequest | DecideRequest:
    """Return what the evaluator asked; used by the child, which trusts it."""
    if body[0] == _OPEN[0]:
        return msgspec.msgpack.decode(body[1:], type=OpenRequest)
    _, phase, keep, group, n_sets, n_targets, n_streams = _DECIDE_HEADER.unpack_from(body)
    numbered = _numbers(n_sets, n_targets)
    numbers = numbered.unpack_from(body, _DECIDE_HEADER.size)
    at = _DECIDE_HEADER.size + numbered.size
    streams = []
    for _ in range(n_streams):
        index, drop, rows = _STREAM_HEADER.unpack_from(body, at)
        at += _STREAM_HEADER.size
        count = n_columns * rows
        array = np.frombuffer(body, _F8, count, at)
        at += _CELL * count
        columns = tuple(array.reshape(n_columns, rows)) if n_columns != 1 else (array,)
        streams.append(Stream(index=index, drop=drop, n_rows=rows, columns=columns))
    return DecideRequest(
        phase=phase,
        keep=keep,
        group=group,
        sets=numbers[:n_sets],
        targets=numbers[n_sets:],
        streams=tuple(streams),
    )


@lru_cache(maxsize=256)
def _numbers(n_sets: int, n_targets: int) -> struct.Struct:
    return struct.Struct(f"<{n_sets}I{n_targets}i")


@lru_cache(maxsize=256)
def groups_of(n_targets: int, sets: tuple[int, ...], size: int) -> tuple[tuple[slice, tuple[int, ...]], ...]:
    """Return which answers share a frame, at most `size`: one target's for some sets, or several targets' for one."""
    if len(sets) == 1:
        return tuple((slice(first, min(first + size, n_targets)), sets) for first in range(0, n_targets, size))
    return tuple(
        (slice(place, place + 1), sets[first : first + size])
        for place in range(n_targets)
        for first in range(0, len(sets), size)
    )


def encode_ready(ready: Ready) -> bytes:
    """Return the body of an `R` frame."""
    return _READY + msgspec.msgpack.encode(ready)


def decode_ready(body: bytes) -> Ready:
    """Return what a child reported before it saw a strategy; ValueError when it is no `R` frame."""
    if body[:1] != _READY:
        raise ValueError("not a ready frame")
    return msgspec.msgpack.decode(body[1:], type=Ready)
