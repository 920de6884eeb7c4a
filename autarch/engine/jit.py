"""One way to compile a function, so that every compiled rule shares one set of promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numba

from autarch.paths import prepare_numba_cache

P = ParamSpec("P")
R = TypeVar("R")

numba.config.CACHE_DIR = str(prepare_numba_cache(Path(__file__).parent))  # type: ignore[attr-defined]


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled on its first call and cached on disk.

    IEEE arithmetic as written: no fastmath, no contraction to fused multiply-add, no threads. A
    division by zero gives an infinity as numpy's does; the rules guard theirs.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled into each of its callers, for the few lines that run on every bar."""
    return cast("Callable[P, R]", numba.njit(inline="always", error_model="numpy")(function))
