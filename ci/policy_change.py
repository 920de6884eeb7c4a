"""Put a preset in a policy's place, and say what that changes. Bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import tomlkit

from autarch.errors import UsageError
from ci.policy import DEFAULT_PATH, PRESETS, Policy, parse_policy
from ci.policy_tables import Tables

SWITCHABLE = tuple(name for name in PRESETS if name != "walkthrough")
"""Presets that a project may judge by; a walk-through proves nothing and is chosen for one run."""

_OURS = "data"
"""The table that names a project's data sets, which no preset knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One key of a policy by its dotted name, and both values; None where there is no such key."""

    key: str
    was: object
    now: object


def preset_path(name: str) -> str:
    """Return where the preset `name` stands in the project.

    Raises:
        UsageError: no preset is called that.
    """
    if name not in SWITCHABLE:
        raise UsageError(f"there is no preset {name!r}; there are: {', '.join(SWITCHABLE)}")
    return PRESETS[name]


def switched(present: bytes, preset: bytes) -> bytes:
    """Return the policy that `preset` makes of `present`: its limits and its words, our data sets.

    Raises:
        ConfigError: one of the two, or what comes of them, is no policy.
    """
    ours = parse_policy(present, path=DEFAULT_PATH)
    parse_policy(preset, path="preset")
    document = tomlkit.parse(preset.decode("utf-8"))
    table: Any = document[_OURS]  # a table, or the parser above would have said so
    table["datasets"] = list(ours.data.datasets)
    made = tomlkit.dumps(document).encode("utf-8")
    parse_policy(made, path=DEFAULT_PATH)
    return made


def changes(was: Policy, now: Policy) -> tuple[Changed, ...]:
    """Return every key whose value differs, in the order of the file, data sets aside."""
    before, after = (dict(_values(one)) for one in (was, now))
    keys = (*before, *(key for key in after if key not in before))
    found = (Changed(key=key, was=before.get(key), now=after.get(key)) for key in keys)
    return tuple(one for one in found if one.was != one.now)


def _values(policy: Policy) -> Iterator[tuple[str, object]]:
    for name in Tables.__struct_fields__:
        if name != _OURS:
            yield from _leaves(name, msgspec.to_builtins(getattr(policy, name)))


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value
