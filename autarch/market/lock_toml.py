"""A dataset lock as TOML that a reviewer can read: deterministic, one line a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from autarch.market.lock_types import DatasetLock

_TABLES = ("splits", "epoch", "costs")
_ARRAYS = ("series", "instruments", "funding_schedule", "gaps")
_HEAD = """\
# A data set by its digests: written by `autarch data`, read by everything that judges or trades.
# Stamps are epoch milliseconds, spans [start, end). Changing splits, [epoch] or [costs] opens a new epoch.
"""


def lock_toml(lock: DatasetLock) -> bytes:
    """Return `lock` as TOML; `read_lock` of the result equals `lock`."""
    content: dict[str, Any] = msgspec.to_builtins(lock)
    lines = [_HEAD]
    lines += [f"{key} = {_inline(value)}" for key, value in content.items() if key not in _TABLES + _ARRAYS]
    for key in _TABLES:
        lines += ["", f"[{key}]", *_pairs(content[key])]
    for key in _ARRAYS:
        for item in content[key]:
            lines += ["", f"[[{key}]]", *_pairs(item)]
    return ("\n".join(lines) + "\n").encode()


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_inline(value)}" for key, value in table.items() if value is not None]


def _inline(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()  # a JSON string is a TOML basic string
    if isinstance(value, Mapping):
        return "{" + ", ".join(_pairs(value)) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a lock")
