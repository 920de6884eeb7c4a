"""Read one file of rows, whatever its format, into a `Part`: Parquet, Feather, CSV, freqtrade's JSON."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pyarrow import feather

from autarch.errors import DataError
from autarch.market.cells import amounts, stamps
from autarch.market.headers import match_columns
from autarch.market.lock_types import Kind
from autarch.market.validate import Part

FILE_BYTES_MAX = 4_000_000_000
HEADER_BYTES_MAX = 65_536
DELIMITERS = ",;\t"
FORMATS = {
    ".parquet": "Parquet",
    ".feather": "Feather",
    ".csv": "CSV",
    ".csv.gz": "CSV",
    ".json": "JSON",
    ".json.gz": "JSON",
}
_JSON_ROW = ("date", "open", "high", "low", "close", "volume")


def extension(file: Path) -> str | None:
    """Return which of FORMATS the name ends with, None for none."""
    return next((end for end in sorted(FORMATS, key=len, reverse=True) if file.name.endswith(end)), None)


def read_part(file: Path, *, kind: Kind, interval_ms: int | None, named: Mapping[str, str]) -> Part:
    """Return the rows of `file`; `named` says which header is which field where names alone do not.

    The rows are not judged here: that is `validate`'s.

    Raises:
        DataError: unreadable, too large, or its columns or cells are not what they should be.
    """
    size = file.stat().st_size
    if size > FILE_BYTES_MAX:
        raise DataError(f"{file} has {size} bytes; at most {FILE_BYTES_MAX} are read: split it into parts")
    end = extension(file) or ""
    found = _READERS[end](file)
    headers = match_columns(str(file), found.column_names, kind=kind, named=named)
    ts = stamps(found.column(headers["ts"]), file=str(file), name=headers["ts"])

    def where(row: int) -> str:
        return f"{file} row {row}, ts {ts[row]}"

    table = {
        field: amounts(found.column(header), where=where, file=str(file), name=header)
        for field, header in headers.items()
        if field != "ts"
    }
    return Part(file=str(file), kind=kind, interval_ms=interval_ms, table={"ts": ts, **table})


def _parquet(file: Path) -> pa.Table:
    try:
        return pq.read_table(file, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} is not a Parquet file that can be read: {error}") from error


def _feather(file: Path) -> pa.Table:
    try:
        return feather.read_table(file, use_threads=False, memory_map=False)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} is not a Feather file that can be read: {error}") from error


def _csv(file: Path) -> pa.Table:
    """Read a CSV file, a header line and then one line a bar, as text: what a cell means is told by its field."""
    try:
        with _opened(file) as stream:
            head = stream.read(HEADER_BYTES_MAX).decode("utf-8-sig", "replace")
    except (OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    line = head.splitlines()[0] if head.strip() else ""
    delimiter = max(DELIMITERS, key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    if not names or all(_is_number(name) for name in names):
        raise DataError(f"{file} has no header; its first line must name the columns, such as ts,open,high,low,close")
    texts = {name: pa.string() for name in names}
    try:
        with _opened(file) as stream:
            found = pacsv.read_csv(
                stream,
                read_options=pacsv.ReadOptions(use_threads=False),  # threads lose the row of an error
                parse_options=pacsv.ParseOptions(delimiter=delimiter),
                convert_options=pacsv.ConvertOptions(column_types=texts, strings_can_be_null=True, null_values=[""]),
            )
    except (pa.ArrowException, OSError, EOFError) as error:
        raise DataError(f"{file} is not a CSV file that can be read: {error}") from error
    return found


def _json(file: Path) -> pa.Table:
    """Read freqtrade's JSON: a list of [date ms, open, high, low, close, volume]."""
    try:
        with _opened(file) as stream:
            rows = msgspec.json.decode(stream.read(), type=list[tuple[int, float, float, float, float, float]])
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise DataError(f"{file} is not a list of [date, open, high, low, close, volume]: {error}") from error
    types = [pa.int64(), *[pa.float64()] * 5]
    return pa.table({name: pa.array([row[i] for row in rows], types[i]) for i, name in enumerate(_JSON_ROW)})


def _opened(file: Path) -> io.BufferedIOBase:
    return gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[Path], pa.Table]] = {
    ".parquet": _parquet,
    ".feather": _feather,
    ".csv": _csv,
    ".csv.gz": _csv,
    ".json": _json,
    ".json.gz": _json,
}
