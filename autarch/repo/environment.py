"""Compare what is installed with requirements.lock, without installing anything.

The lock covers more than one host needs: agents' and developers' tools, other platforms. Compared are
the distributions that `autarch` needs at run time, followed through their own requirements (extras
only where one asks for them), and nothing else: a host without the tuner judges as well as one with.
A locked name of that closure must be installed in exactly the locked version; a name of the closure
that the lock lacks is a problem too, since nobody knows which version judged.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterable, Mapping

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

INSTALL_COMMAND = "pip install --require-hashes -r requirements.lock"
RequirementsOf = Callable[[str], tuple[str, list[str]] | None]
"""Name -> (installed version, its requirement lines), or None when it is not installed."""

_CONTINUED = re.compile(r"\\\n")


def locked_versions(lock: bytes) -> dict[str, str]:
    """Return name -> version of every line of a hashed requirements file that applies to this platform.

    Raises:
        ValueError: a line is no `name==version`.
    """
    environment = {key: str(value) for key, value in default_environment().items()}
    found: dict[str, str] = {}
    for line in _CONTINUED.sub(" ", lock.decode("utf-8")).splitlines():
        stripped = line.partition(" #")[0].strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            requirement = Requirement(stripped.partition(" --hash")[0].strip())
        except InvalidRequirement as error:
            raise ValueError(f"requirements.lock: {stripped[:80]!r} is no requirement: {error}") from error
        pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
        if len(pins) != 1:
            raise ValueError(f"requirements.lock: {stripped[:80]!r} does not pin one version with ==")
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found[canonicalize_name(requirement.name)] = pins[0]
    return found


def environment_problems(
    lock: bytes, *, roots: Iterable[str] = ("autarch",), installed: RequirementsOf | None = None
) -> tuple[str, ...]:
    """Return how the installed distributions differ from `lock`, each a sentence; empty when they agree.

    Args:
        lock: requirements.lock as bytes.
        roots: Distributions whose run-time requirements are followed; they need no pin themselves.
        installed: What is installed; by default what this interpreter sees.
    """
    try:
        pins = locked_versions(lock)
    except ValueError as error:
        return (f"{error}. Write it again with: make lock",)
    look_up = installed or _installed
    problems = [f"{name} itself is not installed." for name in roots if look_up(name) is None]
    for name in sorted(_closure(roots, look_up)):
        here = look_up(name)
        if name not in pins:
            problems.append(f"{name} is needed and requirements.lock does not pin it.")
        elif here is None:
            problems.append(f"{name} {pins[name]} is not installed.")
        elif here[0] != pins[name]:
            problems.append(f"{name} is {here[0]}, the lock says {pins[name]}.")
    return (*problems, f"Install with: {INSTALL_COMMAND}") if problems else ()


def _closure(roots: Iterable[str], look_up: RequirementsOf) -> set[str]:
    environment = {key: str(value) for key, value in default_environment().items()}
    waiting = [(canonicalize_name(name), frozenset[str]()) for name in roots]
    starts = {name for name, _ in waiting}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        name, extras = step
        here = look_up(name)
        for line in here[1] if here is not None else ():
            requirement = Requirement(line)
            if _applies(requirement, extras, environment):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return {name for name, _ in seen} - starts


def _applies(requirement: Requirement, extras: frozenset[str], environment: Mapping[str, str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**environment, "extra": extra}) for extra in (*extras, ""))


def _installed(name: str) -> tuple[str, list[str]] | None:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return found.version, list(found.requires or ())
