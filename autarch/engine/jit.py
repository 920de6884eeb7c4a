"""One way to compile a function, so that every compiled rule shares one set of promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from numba.core.caching import UserProvidedCacheLocator

from autarch.paths import prepare_numba_cache

P = ParamSpec("P")
R = TypeVar("R")

_SOURCES: Final = Path(__file__).resolve().parent
_CACHE: Final = prepare_numba_cache(_SOURCES)


class SourcesLocator(UserProvidedCacheLocator):
    """Keep the engine's machine code in the folder named by its sources, wherever a tree was written.

    Numba's own locator adds a hash of the absolute path, so that each trusted tree and each clone would
    compile the same sources again. Any other module's functions are left to numba's locators.
    """

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        self._cache_path = str(_CACHE)

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        """Return a locator for a function of this package, None for any other."""
        if Path(py_file).resolve().parent != _SOURCES:
            return None
        return super().from_function(py_func, py_file)  # type: ignore[no-untyped-call]


numba.config.CACHE_DIR = str(_CACHE)  # type: ignore[attr-defined]
numba.config.CACHE_LOCATOR_CLASSES = ",".join(  # type: ignore[attr-defined]
    (f"{__name__}.{SourcesLocator.__name__}", "UserProvidedCacheLocator", "InTreeCacheLocator", "UserWideCacheLocator")
)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled on its first call and cached on disk.

    IEEE arithmetic as written: no fastmath, no contraction to fused multiply-add, no threads. A
    division by zero gives an infinity as numpy's does; the rules guard theirs.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled into each of its callers: small ones, which saves a third of a cold start."""
    return cast("Callable[P, R]", numba.njit(cache=True, inline="always", error_model="numpy")(function))
