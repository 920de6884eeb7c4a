"""`ci/policy.toml`: what the gate demands, parsed strictly and named by the digest of its bytes."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from autarch.canonical import Sha256, parse_toml, sha256_hex
from autarch.errors import ConfigError
from autarch.verdict import CheckClass
from ci.policy_tables import Tables

CLASSES: Mapping[str, tuple[CheckClass, ...]] = {
    "scope": ("law",),
    "policy": ("law",),
    "determinism": ("law",),
    "causality": ("law",),
    "warmup": ("limit", "advice"),
    "memory": ("limit", "advice"),
    "backtest": ("law",),
    "parity": ("law",),
    "risk": ("limit", "advice"),
    "robustness": ("limit", "advice"),
    "evidence": ("limit", "advice"),
}
"""Check -> the classes a policy may give it. What is law is law here, so that no policy demotes it."""

CHECK_NAMES: tuple[str, ...] = tuple(CLASSES)
"""Every check of the gate, in the order it runs them: cheap and damning first."""

DEFAULT_PATH = "ci/policy.toml"
PRESETS: Mapping[str, str] = {
    "research": "ci/presets/research.toml",
    "standard": "ci/presets/standard.toml",
    "strict": "ci/presets/strict.toml",
    "walkthrough": "ci/policy.walkthrough.toml",
}
"""Preset -> where it stands in the project."""

OWN = "own"
"""What a policy is called that says something else than the preset it was made from."""

POLICY_BYTES_MAX = 65_536


class Policy(Tables, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A parsed policy. `path` is relative to the project's root; `digest` covers the file's bytes.

    `walkthrough` marks limits that are wide open for a walk-through: named in verdicts, tags and
    reports. A policy that is `paper_only`, which a walk-through always is, is refused by deployers
    for real venues.
    """

    path: str
    digest: Sha256

    def class_of(self, check: str) -> CheckClass:
        """Return the class of a check of this gate."""
        return next(klass for klass in CLASSES[check] if klass == self.classes[check])

    def required_checks(self, kind: str) -> tuple[str, ...]:
        """Return the names that must be green for a pull request of `kind` (strategy or platform)."""
        return self.required.strategy if kind == "strategy" else self.required.platform


def load_policy(root: Path, path: str = DEFAULT_PATH) -> Policy:
    """Read the policy at `path`, relative to the project's root or absolute inside it.

    Raises:
        ConfigError: no such file, outside the project, or malformed as `parse_policy` tells.
    """
    file = Path(path) if Path(path).is_absolute() else root / path
    try:
        relative = file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise ConfigError(f"policy {file} is outside the project {root}; verify could not find it again") from error
    if not file.is_file():
        raise ConfigError(f"policy {file} does not exist; the default is {DEFAULT_PATH}")
    return parse_policy(file.read_bytes(), path=relative)


def parse_policy(content: bytes, *, path: str) -> Policy:
    """Return the policy in `content`; `path` is where it stands in the project.

    Raises:
        ConfigError: not TOML, a missing, unknown or ill-typed key, a value out of range, a class that
            the check cannot have, or a required check that does not exist or may not block.
    """
    if len(content) > POLICY_BYTES_MAX:
        raise ConfigError(f"{path} has {len(content)} bytes; at most {POLICY_BYTES_MAX} are read")
    try:
        tables = msgspec.convert(parse_toml(content), Tables, strict=True)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not UTF-8 TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; see ci/policy_tables.py for the keys") from error
    if tables.schema != 1:
        raise ConfigError(f"{path}: schema is {tables.schema}; this version reads schema 1")
    if tables.walkthrough and not tables.paper_only:
        raise ConfigError(f"{path}: a walk-through is for paper alone; write paper_only = true")
    _check_classes(tables, path)
    _check_required(tables, path)
    for name, value in _numbers("", msgspec.to_builtins(tables)):
        if not math.isfinite(value):
            raise ConfigError(f"{path}: {name} is {value}; expected a finite number")
    fields = {name: getattr(tables, name) for name in tables.__struct_fields__}
    return Policy(path=path, digest=sha256_hex(content), **fields)


def preset_of(policy: Policy, read: Callable[[str], bytes | None]) -> str:
    """Return the preset that `policy` agrees with in all but its data sets, or "own".

    Args:
        policy: Names the preset it was made from.
        read: Gives the bytes at a path of the same commit or folder, or None.
    """
    path = PRESETS.get(policy.preset)
    content = None if path is None else read(path)
    if path is None or content is None:
        return OWN
    try:
        preset = parse_policy(content, path=path)
    except ConfigError:
        return OWN
    ours, theirs = (
        {name: getattr(one, name) for name in Tables.__struct_fields__ if name != "data"} for one in (policy, preset)
    )
    return policy.preset if ours == theirs else OWN


def _check_classes(tables: Tables, path: str) -> None:
    if sorted(tables.classes) != sorted(CHECK_NAMES):
        raise ConfigError(
            f"{path}: [classes] names {', '.join(sorted(tables.classes))}; expected {', '.join(CHECK_NAMES)}"
        )
    for name, allowed in CLASSES.items():
        if tables.classes[name] not in allowed:
            raise ConfigError(
                f"{path}: [classes] calls {name} {tables.classes[name]!r}; it is {' or '.join(allowed)} in every policy"
            )


def _check_required(tables: Tables, path: str) -> None:
    for name in (*tables.required.strategy, *tables.required.platform):
        if tables.classes.get(name) not in {"law", "limit"}:
            raise ConfigError(f"{path}: [required] names {name!r}, which is no law or limit of [classes]")
    left_out = [
        name for name, klass in tables.classes.items() if klass == "law" and name not in tables.required.strategy
    ]
    if left_out:
        raise ConfigError(f"{path}: [required] strategy leaves out {', '.join(left_out)}; laws are never optional")


def _numbers(path: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(path, inner)
    elif isinstance(value, float):
        yield path, value
