"""`ci/datasets/<name>.toml`: what a data set is, byte for byte, without holding a single bar. Schema 1.

The digest covers the parsed content, never the file's bytes: a comment or another layout is the same
data set.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from autarch.errors import DataError
from autarch.market.lock_check import check_lock
from autarch.market.lock_types import SPLITS, DatasetLock

__all__ = ["SPLITS", "DatasetLock", "load_lock", "read_lock"]

LOCK_BYTES_MAX = 4_000_000


def load_lock(path: Path) -> DatasetLock:
    """Return the lock at `path`; the file's stem must be the data set's name.

    Raises:
        DataError: missing, malformed, or contradicting itself.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"no dataset lock at {path} ({error.strerror}); `autarch data ls` shows what exists") from error
    lock = read_lock(content)
    if lock.name != path.stem:
        raise DataError(f"{path} holds the lock of {lock.name!r}; rename the file to {lock.name}.toml")
    return lock


def read_lock(content: bytes) -> DatasetLock:
    """Return the lock these bytes hold.

    Raises:
        DataError: not UTF-8 TOML, a missing, unknown or ill-typed key, or parts that contradict each
            other; the text names the key, what was found and what was expected.
    """
    if len(content) > LOCK_BYTES_MAX:
        raise DataError(f"a dataset lock of {len(content)} bytes; at most {LOCK_BYTES_MAX} are read")
    try:
        lock = msgspec.convert(tomllib.loads(content.decode("utf-8")), DatasetLock, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"the dataset lock is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise DataError(f"dataset lock: {error}; the keys are: {', '.join(DatasetLock.__struct_fields__)}") from error
    check_lock(lock)
    return lock
