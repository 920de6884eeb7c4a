"""Pages of a download on disk, so that an interrupted one continues where it was.

A page is a file: the SHA-256 of the rest, then the canonical bytes of its rows. One that is half-written or
damaged does not match, and is asked for again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autarch.canonical import sha256_hex
from autarch.errors import DataError
from autarch.market.columns import COLUMNS, WIDTH, decode, encode
from autarch.market.lock_types import Kind
from autarch.paths import cache_root, private_directory

_HASH_BYTES = 32
Rows = dict[str, NDArray[np.generic]]


class PageStore:
    """Pages of one venue address under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of_url(cls, url: str) -> PageStore:
        """Return the store of `url` in the cache: pages of two addresses never meet."""
        return cls(cache_root() / "sync" / sha256_hex(url.encode())[:16])

    def read(self, series: str, kind: Kind, start_ms: int, end_ms: int) -> Rows | None:
        """Return the rows of the page [start_ms, end_ms) of `series`, None when there is none that is sound."""
        try:
            content = self._file(series, start_ms, end_ms).read_bytes()
        except OSError:
            return None
        body = content[_HASH_BYTES:]
        width = len(COLUMNS[kind]) * WIDTH
        if hashlib.sha256(body).digest() != content[:_HASH_BYTES] or len(body) % width:
            return None
        return decode(body, kind=kind, rows=len(body) // width)

    def write(self, series: str, kind: Kind, start_ms: int, end_ms: int, rows: Rows) -> None:
        """Keep one page, whole or not at all.

        Raises:
            DataError: the disk is full or may not be written.
        """
        file = self._file(series, start_ms, end_ms)
        body = encode(rows, kind=kind)
        temporary = file.with_name(f"{file.name}.{os.getpid()}.part")
        try:
            private_directory(file.parent)
            temporary.write_bytes(hashlib.sha256(body).digest() + body)
            temporary.replace(file)
        except OSError as error:
            raise DataError(f"cannot keep the page {file}: {error.strerror}; make room and run again") from error
        finally:
            temporary.unlink(missing_ok=True)

    def forget(self, series: Iterable[str]) -> None:
        """Remove every page of `series`, such as `BTCUSDT/kline-15m`."""
        for name in series:
            shutil.rmtree(self.root / name, ignore_errors=True)

    def _file(self, series: str, start_ms: int, end_ms: int) -> Path:
        return self.root / series / f"{start_ms}-{end_ms}.page"
