"""The wire from a confined child: answers in groups, which nobody trusts before they have been checked.

A frame is `T`, a 16-bit count, for each answer its kind and size in bytes, then the answers themselves. A kind
says that an error follows, or exposure (keep, k) and in which of three forms each distance follows it: not at
all, as one number, as (keep, k). A strategy that did not load is reported by `E` and an error.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np

from autarch.market.types import Floats
from autarch.sandbox.failure import TEXT_MAX

Distance = Floats | float | None
"""As a strategy gave it: none, one for all rows, or (keep, k)."""

_TARGETS, _ERROR = b"T", b"E"
_COUNT = struct.Struct("<cH")
_ENTRY = np.dtype([("kind", "u1"), ("size", "<u4")])
_ENTRY_STRUCT = struct.Struct("<BI")  # the same bytes
_ERROR_HEADER = struct.Struct("<BI")
_ERROR_CAUSES = ("raised", "answer", "memory")
_FAILED, _PLAIN = 0, 1  # kinds; from 1 on: 1 + 3 * form of the stop + form of the take
_NONE, _SCALAR, _FULL = 0, 1, 2
_CELL = 8
_F8 = np.dtype("<f8")

ERROR_BYTES_MAX = 4 * TEXT_MAX + 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """A failure the child could still report."""

    cause: str
    line: int
    text: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that came together, each array (count, keep, columns). A failed one's rows mean nothing.

    Distances are None where no answer of the group had one, else NaN where an answer had none.
    """

    exposure: Floats
    stop_loss: Floats | None
    take_profit: Floats | None
    failed: Mapping[int, ErrorAnswer]

    @property
    def count(self) -> int:
        """Answers in this group, the failed ones included."""
        return int(self.exposure.shape[0])


def encode_given(exposure: Floats, stop_loss: Distance, take_profit: Distance, *, keep: int) -> tuple[int, bytes]:
    """Return kind and bytes of the last `keep` rows of an answer; full arrays are (n_rows, ...)."""
    if stop_loss is None and take_profit is None:
        return _PLAIN, exposure[-keep:].tobytes()
    stop, stop_form = _encode_distance(stop_loss, keep)
    take, take_form = _encode_distance(take_profit, keep)
    return 1 + 3 * stop_form + take_form, exposure[-keep:].tobytes() + stop + take


def encode_failed(cause: str, line: int, text: str) -> tuple[int, bytes]:
    """Return kind and bytes of an error."""
    return _FAILED, _ERROR_HEADER.pack(_ERROR_CAUSES.index(cause), line) + text[:TEXT_MAX].encode("utf-8", "replace")


def encode_group(answers: Sequence[tuple[int, bytes]]) -> bytes:
    """Return the body of a `T` frame."""
    if len(answers) == 1 and answers[0][0] == _PLAIN:  # as a row that is new has it
        content = answers[0][1]
        return _plain_head(1, len(content)) + content
    entries = [_ENTRY_STRUCT.pack(kind, len(content)) for kind, content in answers]
    return b"".join([_COUNT.pack(_TARGETS, len(answers)), *entries, *(content for _, content in answers)])


def encode_unloaded(cause: str, line: int, text: str) -> bytes:
    """Return the body of an `E` frame: the strategy did not load."""
    return _ERROR + encode_failed(cause, line, text)[1]


def decode_loaded(body: bytes) -> ErrorAnswer | None:
    """Return why a strategy did not load, None when it did; ValueError when `body` says neither."""
    if body[:1] == _ERROR:
        return _decode_error(memoryview(body)[1:])
    if body != encode_group(()):
        raise ValueError(f"found {len(body)} bytes, expected none")
    return None


def group_bytes_max(*, count: int, keep: int, columns: int) -> int:
    """Return the most bytes that a `T` body of `count` answers may have."""
    answer = max(3 * _CELL * keep * columns, ERROR_BYTES_MAX)
    return _COUNT.size + count * (_ENTRY.itemsize + answer)


def decode_group(body: memoryview, *, count: int, keep: int, columns: int) -> Group:
    """Return the answers of a `T` body; arrays may be views of it.

    Raises:
        ValueError: not `count` answers, each of the one size its kind must have.
    """
    plain = _plain_head(count, _CELL * keep * columns)
    end = len(plain)
    if body[:end] == plain and len(body) == end + count * _CELL * keep * columns:
        exposure = np.frombuffer(body, dtype=_F8, offset=end).reshape(count, keep, columns)
        return Group(exposure=exposure, stop_loss=None, take_profit=None, failed={})
    if len(body) < end or _COUNT.unpack_from(body) != (_TARGETS, count):
        raise ValueError(f"found {len(body)} bytes, expected {count} answers")
    entries = np.frombuffer(body, dtype=_ENTRY, count=count, offset=_COUNT.size)
    size = int(entries["size"].sum())
    if size != len(body) - end:
        raise ValueError(f"found {len(body) - end} bytes of answers, expected {size}")
    return _mixed(entries.tolist(), body[end:], (count, keep, columns))


@lru_cache(maxsize=256)
def _plain_head(count: int, size: int) -> bytes:
    """Return how a body of answers begins that have no distance, each of `size` bytes."""
    return _COUNT.pack(_TARGETS, count) + _ENTRY_STRUCT.pack(_PLAIN, size) * count


def _mixed(entries: list[tuple[int, int]], content: memoryview, shape: tuple[int, int, int]) -> Group:
    exposure = np.zeros(shape)
    distances: dict[int, Floats] = {}  # 1: stops, 2: takes
    failed, at = {}, 0
    for index, (kind, size) in enumerate(entries):
        part = content[at : at + size]
        at += size
        if kind == _FAILED:
            failed[index] = _decode_error(part)
            continue
        pieces = _pieces(kind, part, cells=shape[1] * shape[2])
        exposure[index] = pieces[0].reshape(shape[1:])
        for which in (1, 2):
            if pieces[which].size:
                target = distances.setdefault(which, np.full(shape, np.nan))
                target[index] = pieces[which] if pieces[which].size == 1 else pieces[which].reshape(shape[1:])
    return Group(exposure=exposure, stop_loss=distances.get(1), take_profit=distances.get(2), failed=failed)


def _pieces(kind: int, content: memoryview, *, cells: int) -> tuple[Floats, Floats, Floats]:
    """Return exposure and both distances of one answer, flat: a distance has no cell, one, or `cells`."""
    stop_form, take_form = divmod(kind - 1, 3)
    sizes = {_NONE: 0, _SCALAR: 1, _FULL: cells}
    if stop_form > _FULL or len(content) != _CELL * (cells + sizes[stop_form] + sizes[take_form]):
        raise ValueError(f"found an answer of kind {kind} in {len(content)} bytes")
    values = np.frombuffer(content, dtype="<f8")
    return values[:cells], values[cells : cells + sizes[stop_form]], values[cells + sizes[stop_form] :]


def _encode_distance(distance: Distance, keep: int) -> tuple[bytes, int]:
    if distance is None:
        return b"", _NONE
    if isinstance(distance, float):
        return np.float64(distance).tobytes(), _SCALAR
    return distance[-keep:].tobytes(), _FULL


def _decode_error(content: memoryview) -> ErrorAnswer:
    if not _ERROR_HEADER.size <= len(content) <= ERROR_BYTES_MAX:
        raise ValueError(f"found an error of {len(content)} bytes")
    cause, line = _ERROR_HEADER.unpack_from(content)
    if cause >= len(_ERROR_CAUSES):
        raise ValueError(f"found an error of cause {cause}")
    text = bytes(content[_ERROR_HEADER.size :]).decode("utf-8", "replace")
    return ErrorAnswer(cause=_ERROR_CAUSES[cause], line=line, text=text)
