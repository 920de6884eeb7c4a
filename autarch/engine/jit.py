"""One way to compile a function, so that every compiled rule shares one set of promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from numba.extending import intrinsic

from autarch.machine_code import cache_by_content

P = ParamSpec("P")
R = TypeVar("R")

cache_by_content(Path(__file__).resolve().parent)

_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
_CACHED: Final[dict[str, Any]] = {**_OPTIONS, "cache": True}
_UNCACHED: Final[dict[str, Any]] = {**_OPTIONS, "no_cpython_wrapper": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled on its first call and cached on disk.

    IEEE arithmetic as written: no fastmath, no contraction to fused multiply-add, no threads of its
    own; it lets go of the interpreter's lock, so that callers may play in several. A division by zero
    gives an infinity as numpy's does; the rules guard theirs.
    """
    return cast("Callable[P, R]", numba.njit(**_CACHED)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled into each of its callers: small ones, which saves a third of a cold start."""
    return cast("Callable[P, R]", numba.njit(inline="always", **_CACHED)(function))


def internal(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled into other compiled functions alone: no entry from Python, no file of its own.

    Whoever passes tuples of arrays needs it: as arguments of a true call these are copied part by part.
    """
    return cast("Callable[P, R]", numba.njit(forceinline=True, **_UNCACHED)(function))


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` compiled as `internal` but called, not repeated in each caller: for what is rare and long."""
    return cast("Callable[P, R]", numba.njit(**_UNCACHED)(function))


def generated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what compiled code may call, whose instructions `function` writes (numba's `intrinsic`)."""
    return cast("Callable[..., Any]", intrinsic(function))
