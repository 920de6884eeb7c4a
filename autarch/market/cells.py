"""From one Arrow column to stamps in epoch milliseconds or to float64, refusing whatever could mean two things."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from autarch.errors import DataError
from autarch.market.types import Floats, Ints
from autarch.market.validate import MS_MAX, MS_MIN

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?([iI]nf(inity)?|[nN]a[nN])$"
_DIGITS = r"^[0-9]+(\.0+)?$"
_NAIVE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$"
_STYLES = {_DIGITS: "epoch digits", _NAIVE: "ISO 8601 without a zone", _ZONED: "ISO 8601 with a zone"}


def stamps(column: pa.ChunkedArray, *, file: str, name: str) -> Ints:
    """Return the stamps in `column` as epoch milliseconds, (n,).

    int64 is milliseconds, a timestamp type says its unit (UTC where it names no zone), text is ISO 8601 (UTC
    where it names no zone) or epoch seconds or milliseconds, the same all the way down.

    Raises:
        DataError: empty, mixed, ambiguous or unreadable; the text names file and row.
    """
    _refuse_nulls(column, lambda row: f"{file} row {row}", name)
    kind = column.type
    if kind == pa.int64():
        return _ints(column)
    if pa.types.is_timestamp(kind):
        try:
            return _ints(pc.cast(column, pa.timestamp("ms", kind.tz)).cast(pa.int64()))
        except pa.ArrowInvalid as error:
            raise DataError(f"{file}: column {name} is finer than a millisecond: {error}") from error
    if pa.types.is_string(kind):
        return _from_text(column, file=file, name=name)
    raise DataError(f"{file}: column {name} is {kind}; expected int64 milliseconds, a timestamp or text")


def amounts(column: pa.ChunkedArray, *, where: Callable[[int], str], file: str, name: str) -> Floats:
    """Return `column` as float64, (n,); text is read as decimal numbers with a point.

    Raises:
        DataError: another type, an empty cell or one that is no number; `where` names its row.
    """
    _refuse_nulls(column, where, name)
    if pa.types.is_string(column.type):
        return _numbers(column, where=where, name=name)
    if column.type != pa.float64():
        raise DataError(f"{file}: column {name} is {column.type}; expected {pa.float64()}")
    values: Floats = column.to_numpy()
    return values


def _numbers(column: pa.ChunkedArray, *, where: Callable[[int], str], name: str) -> Floats:
    trimmed = pc.utf8_trim_whitespace(column)
    try:
        values: Floats = pc.cast(trimmed, pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        fine = pc.match_substring_regex(trimmed, _NUMBER)
        row = max(0, pc.index(fine, pa.scalar(False)).as_py())
        raise DataError(f"{where(row)}: {name} is {column[row].as_py()!r}, which is no number; write 1234.5") from error
    return values


def _from_text(column: pa.ChunkedArray, *, file: str, name: str) -> Ints:
    if len(column) == 0:
        return np.zeros(0, dtype=np.int64)
    first = column[0].as_py()
    style = next((pattern for pattern in _STYLES if re.match(pattern, first)), None)
    if style is None:
        raise DataError(
            f"{file} row 0: {name} is {first!r}, which can be read in more than one way or in none; write "
            "ISO 8601 such as 2024-01-31T12:00Z, or epoch seconds or milliseconds"
        )
    same = pc.match_substring_regex(column, style)
    if not pc.all(same).as_py():
        row = pc.index(same, pa.scalar(False)).as_py()
        raise DataError(
            f"{file} row {row}: {name} is {column[row].as_py()!r}, but row 0 is {_STYLES[style]} ({first!r}); "
            "write one form all the way down"
        )
    if style == _DIGITS:
        return _from_digits(column, file=file, name=name)
    try:
        return _ints(pc.cast(column, pa.timestamp("ms", "UTC" if style == _ZONED else None)).cast(pa.int64()))
    except pa.ArrowInvalid as error:
        row = next(i for i, text in enumerate(column.to_pylist()) if not _is_instant(text))
        raise DataError(f"{file} row {row}: {name} is {column[row].as_py()!r}, which is no instant") from error


def _from_digits(column: pa.ChunkedArray, *, file: str, name: str) -> Ints:
    try:
        whole = _ints(pc.cast(pc.replace_substring_regex(column, r"\.0+$", ""), pa.int64()))
    except pa.ArrowInvalid as error:
        raise DataError(f"{file}: column {name} holds a number beyond 64 bits: {error}") from error
    for unit in (1000, 1):  # seconds and milliseconds of this century do not overlap
        inside = (whole >= MS_MIN // unit) & (whole < MS_MAX // unit)
        if inside[0]:
            if not inside.all():
                row = int(np.argmin(inside))
                raise DataError(
                    f"{file} row {row}: {name} is {whole[row]}, but row 0 is {whole[0]}, epoch "
                    f"{'seconds' if unit == 1000 else 'milliseconds'}; write one unit all the way down"
                )
            return whole * unit
    raise DataError(
        f"{file} row 0: {name} is {whole[0]}, neither epoch seconds nor milliseconds of this century; write one of them"
    )


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _ints(column: pa.ChunkedArray) -> Ints:
    values: NDArray[np.int64] = column.to_numpy()
    return values


def _refuse_nulls(column: pa.ChunkedArray, where: Callable[[int], str], name: str) -> None:
    if column.null_count:
        row = pc.index(column.is_null(), pa.scalar(True)).as_py()
        raise DataError(f"{where(row)}: {name} is null or empty; correct the file at its source and import again")
