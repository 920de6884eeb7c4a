"""Where numba keeps compiled code: in folders named by the sources, wherever those were written.

Numba's own locator names a folder by the absolute path, so that each trusted tree and each clone would
compile the same functions again; and it notices a change of the file a function is written in, never of
a function it calls. A package that calls `cache_by_content` before it compiles has neither trouble.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Final

import numba
from numba.core.caching import UserProvidedCacheLocator

from autarch.canonical import Sha256
from autarch.paths import cache_root, private_directory

_FOLDERS: Final[dict[Path, Path]] = {}


class SourcesLocator(UserProvidedCacheLocator):
    """Keep the machine code of a package in the folder `cache_by_content` named; leave others to numba."""

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        self._cache_path = str(_FOLDERS[Path(file).resolve().parent])

    def get_source_stamp(self) -> str:
        """Return what must stay the same for compiled code to count; the folder's name tells the content.

        Numba would ask for the file's time, which two copies of the same sources do not share; and a copy of
        the folder, for whoever may not write here, is as good.
        """
        return Path(self._cache_path).name

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Return a locator for a function of a package that asked for one, None for any other."""
        if Path(py_file).resolve().parent not in _FOLDERS:
            return None
        return super().from_function(py_func, py_file)  # type: ignore[no-untyped-call]


def sources_digest(sources: Path) -> Sha256:
    """Return the SHA-256 of every module under `sources`, by relative path and content."""
    digest = hashlib.sha256()
    for module in sorted(sources.rglob("*.py")):
        content = module.read_bytes()
        digest.update(f"{module.relative_to(sources).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return Sha256(digest.hexdigest())


def cache_of(sources: Path) -> Path:
    """Return where the compiled functions of the package in `sources` are kept; not created."""
    return cache_root() / "numba" / sources_digest(sources)[:16]


def cache_by_content(sources: Path) -> Path:
    """Keep the compiled functions of the package in `sources` in a private folder, and return it.

    Call before the first of them is compiled. The folder is named by a digest of every module under
    `sources`, so that an edited rule can not meet a stale kernel.

    Args:
        sources: A package's folder; its `*.py`, subfolders included, name the cache.

    Raises:
        ConfigError: as `private_directory`; numba unpickles what it finds there.
    """
    root = private_directory(cache_root() / "numba")
    folder = private_directory(cache_of(sources))
    _FOLDERS[sources.resolve()] = folder
    os.environ["NUMBA_CACHE_DIR"] = str(root)
    numba.config.CACHE_DIR = str(root)  # type: ignore[attr-defined]
    numba.config.CACHE_LOCATOR_CLASSES = ",".join(  # type: ignore[attr-defined]
        (
            f"{__name__}.{SourcesLocator.__name__}",
            "UserProvidedCacheLocator",
            "InTreeCacheLocator",
            "UserWideCacheLocator",
        )
    )
    return folder
