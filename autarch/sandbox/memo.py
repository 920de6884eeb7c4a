"""Compute an indicator once for many parameter sets: results of pure functions on the window at hand.

Many sets of a grid ask for the same average of the same close. Only TA-Lib's functions and our own helpers
are remembered, only when every array they get is a column of `Bars`, which nobody may change; and each caller
gets a copy of the very bytes, which is its own to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

from autarch.market.types import Floats

RESULTS_MAX = 2048
_PLAIN = frozenset((int, float, bool, str, type(None)))


class Memo:
    """What has been computed from the columns given last."""

    def __init__(self) -> None:
        self._columns: dict[int, Floats] = {}  # by identity; held, so that no other array gets it
        self._results: dict[tuple[object, ...], Any] = {}

    def begin(self, columns: Iterable[Floats]) -> None:
        """Forget everything; from now on these are the columns."""
        self._columns.clear()
        self._columns.update((id(column), column) for column in columns)
        self._results.clear()

    def install(self, module: ModuleType, names: Iterable[str]) -> None:
        """Let functions of `module` remember, in this process."""
        for name in names:
            setattr(module, name, self._remembering(getattr(module, name)))

    def _remembering(self, function: Callable[..., Any]) -> Callable[..., Any]:
        columns, results = self._columns, self._results

        def call(*args: Any, **kwargs: Any) -> Any:
            key: list[object] = [function, *kwargs]
            for value in (*args, *kwargs.values()) if kwargs else args:
                kind = value.__class__
                if kind is np.ndarray:
                    if id(value) not in columns:
                        return function(*args, **kwargs)
                    key.append(id(value))
                elif kind in _PLAIN:
                    key += (kind, repr(value))  # 1, 1.0 and True are equal and not the same question, nor 0.0 and -0.0
                else:
                    return function(*args, **kwargs)
            question = tuple(key)
            known = results.get(question)
            if known is not None:
                return _copied(known)
            found = function(*args, **kwargs)
            if len(results) < RESULTS_MAX:
                results[question] = _copied(found)
            return found

        return call


def _copied(found: Any) -> Any:
    return found.copy() if found.__class__ is np.ndarray else tuple(each.copy() for each in found)
