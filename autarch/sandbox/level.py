"""Which layers of confinement a child has reached, judged by its parent and not by the child's word.

What /proc shows of the child (proc(5)) decides: filter, rights, threads, limits, descriptors, environment, namespaces,
root. Landlock, and what happens when a parent ends, show nowhere; they are taken from what trusted code in the child
reported, and from the doors it tried, before it was sent a strategy.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from autarch.errors import SandboxError
from autarch.sandbox import kernel
from autarch.sandbox.control import Hello
from autarch.sandbox.doors import NAMES
from autarch.sandbox.layers import DEMANDS, REMEDIES, Demands
from autarch.sandbox.protocol import Ready
from autarch.sandbox.values import Layer, SandboxLevel

_NO_CAPABILITIES = "0" * 16
_FILTERS = 2  # the rehearsal's, and the one that kills
_STATUS_WANTED = {
    "seccomp": (("Seccomp", "2"),),
    "no_new_privs": (("NoNewPrivs", "1"),),
    "capabilities": tuple((name, _NO_CAPABILITIES) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")),
    "single thread": (("Threads", "1"),),
}
_NOTHING_ALLOWED = ("Max file size", "Max core file size", "Max processes", "Max open files")
_SPACES = {"network namespace": "net", "user namespace": "user", "pid namespace": "pid"}
_SHOWN_BYTES_MAX = 65_536  # of any of these files; an environment that is longer is not empty either
_UNREAD = "/proc does not show it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What /proc shows of a child; empty or None where it shows nothing."""

    status: Mapping[str, str]
    limits: Mapping[str, str]
    descriptors: int | None
    environment: bytes | None
    root: str
    spaces: Mapping[str, str]


def look(pid: int) -> Seen:
    """Return what /proc shows of the process `pid` now."""
    folder = f"/proc/{pid}"
    return Seen(
        status=_pairs(_text(f"{folder}/status")),
        limits=_limits(_text(f"{folder}/limits")),
        descriptors=_count(f"{folder}/fd"),
        environment=_bytes(f"{folder}/environ"),
        root=_target(f"{folder}/root"),
        spaces={kind: _target(f"{folder}/ns/{kind}") for kind in _SPACES.values()},
    )


def judge(*, seen: Seen, ready: Ready, hello: Hello, demands: Demands = DEMANDS) -> SandboxLevel:
    """Return the level of one child.

    Args:
        seen: What /proc showed after it said it was ready and before it was sent a strategy.
        ready: What it did and tried.
        hello: What its zygote is.
        demands: Which layers must be there.
    """
    problems = {
        "numeric pin": "" if hello.pinned else "the zygote was not exec'd under it",
        "process": _told(ready, "process"),
        "descriptors": _descriptors(seen),
        "environment": _environment(seen),
        "rlimits": _told(ready, "rlimits") or _unlimited(seen),
        "no_new_privs": _told(ready, "no_new_privs") or _contradiction("no_new_privs", seen),
        "capabilities": _told(ready, "capabilities") or _contradiction("capabilities", seen),
        "landlock": _told(ready, "landlock"),
        "signals": _told(ready, "signals") or _unscoped(seen),
        "seccomp": _told(ready, "seccomp") or _contradiction("seccomp", seen) or _unfiltered(seen),
        "single thread": _contradiction("single thread", seen),
        "self-test": _tried(ready),
        "still clock": hello.clock,
        "fixed addresses": hello.addresses,
        "pid namespace": _because(_shared(seen, "pid namespace"), hello.processes),
        "network namespace": _because(_shared(seen, "network namespace"), hello.host),
        "user namespace": _because(_shared(seen, "user namespace"), hello.host),
        "empty root": _because(_rooted(seen), hello.root),
    }
    layers = tuple(
        Layer(name=name, required=name in demands.required, reached=not problems[name], detail=problems[name])
        for name in REMEDIES
    )
    return SandboxLevel(layers=layers, kernel=f"{platform.system()} {platform.release()}")


def require_full(level: SandboxLevel) -> None:
    """Raise unless every required layer was reached.

    Raises:
        SandboxError: names each missing layer, the kernel and the remedy.
    """
    if level.is_full:
        return
    missing = "; ".join(f"{x.name} ({x.detail}; {REMEDIES[x.name]})" for x in level.missing)
    raise SandboxError(
        f"strategy code cannot be confined on {level.kernel}: missing {missing}. "
        "For local research only, --local-dev runs without; its results are no verdict."
    )


def warnings_of(level: SandboxLevel) -> tuple[str, ...]:
    """Return a sentence for each wanted layer that was not reached, with the remedy."""
    return tuple(
        f"wanted layer {x.name} is missing on {level.kernel} ({x.detail}; {REMEDIES[x.name]})"
        for x in level.layers
        if not (x.required or x.reached)
    )


def lines_of(level: SandboxLevel) -> tuple[str, ...]:
    """Return which layers were reached and, a line each, what is missing, for whoever reads a verdict."""
    reached = ", ".join(x.name for x in level.layers if x.reached) or "nothing"
    missing = (f"MISSING required layer {x.name} ({x.detail}; {REMEDIES[x.name]})" for x in level.missing)
    return f"confined on {level.kernel} by {reached}", *missing, *(f"warning: {text}" for text in warnings_of(level))


def weakest(*levels: SandboxLevel) -> SandboxLevel:
    """Return what all of them reach: a layer that one lacks is missing, with its reason."""
    first, *others = levels
    layers = [
        next((layer for layer in same if not layer.reached), same[0])
        for same in zip(first.layers, *(other.layers for other in others), strict=True)
    ]
    return SandboxLevel(layers=tuple(layers), kernel=first.kernel)


def _told(ready: Ready, layer: str) -> str:
    return ready.layers.get(layer, "the child did not mention it")


def _contradiction(layer: str, seen: Seen) -> str:
    for field, wanted in _STATUS_WANTED[layer]:
        found = seen.status.get(field, "nothing")
        if found != wanted:
            return f"/proc says {field} {found}, expected {wanted}"
    return ""


def _unfiltered(seen: Seen) -> str:
    """Return "" when the child has both its filters on top of those it shares with this process, by /proc."""
    found, shared = seen.status.get("Seccomp_filters"), _filters_here()
    if found is None or shared is None:
        return ""  # before Linux 5.9; the child's word and its mode must do
    wanted = int(shared) + _FILTERS
    return "" if int(found) >= wanted else f"/proc says Seccomp_filters {found}, expected {wanted}"


@cache
def _filters_here() -> str | None:
    return _pairs(_text("/proc/self/status")).get("Seccomp_filters")


def _unlimited(seen: Seen) -> str:
    loose = [name for name in _NOTHING_ALLOWED if seen.limits.get(name) != "0"]
    loose += [
        name for name in ("Max address space", "Max cpu time") if seen.limits.get(name, "unlimited") == "unlimited"
    ]
    return f"/proc says these are not limited: {', '.join(loose)}" if loose else ""


def _descriptors(seen: Seen) -> str:
    if seen.descriptors is None:
        return _UNREAD
    return "" if seen.descriptors == 2 else f"/proc shows {seen.descriptors} open descriptors, expected two pipe ends"


def _environment(seen: Seen) -> str:
    if seen.environment is None:
        return _UNREAD
    left = len(seen.environment.replace(b"\0", b""))
    return f"/proc shows {left} bytes of variables" if left else ""


def _tried(ready: Ready) -> str:
    stood_open = [name for name in NAMES if not ready.refused.get(name, False)]
    if not ready.refused:
        return "nothing was tried, since no filter would have stopped it"
    return f"these were not refused: {', '.join(stood_open)}" if stood_open else ""


def _unscoped(seen: Seen) -> str:
    abi = kernel.landlock_abi()
    if abi >= kernel.SIGNALS_ABI or not _shared(seen, "pid namespace"):
        return ""
    return f"Landlock ABI {abi} does not scope signals (that takes {kernel.SIGNALS_ABI}), and it shares process numbers"


def _because(problem: str, reason: str) -> str:
    """Return why there is a problem that /proc shows, in the zygote's words where it has some."""
    return problem and (reason or problem)


def _rooted(seen: Seen) -> str:
    if seen.root.endswith(" (deleted)"):  # as it is until it has a name again, which it cannot get
        return ""
    return f"its root is {seen.root}" if seen.root else _UNREAD


def _shared(seen: Seen, layer: str) -> str:
    """Return "" when the child is in another namespace than this process, by /proc."""
    kind = _SPACES[layer]
    found = seen.spaces.get(kind, "")
    if not found:
        return _UNREAD
    return "it shares this process's" if found == _own_spaces()[kind] else ""


@cache
def _own_spaces() -> dict[str, str]:
    return {kind: _target(f"/proc/self/ns/{kind}") for kind in _SPACES.values()}


def _pairs(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _limits(text: str) -> dict[str, str]:
    """Return each limit's name and its hard value; columns are aligned by the kernel."""
    lines = text.splitlines()[1:]
    return {line[:25].strip(): line[46:67].strip() for line in lines}


def _text(path: str) -> str:
    content = _bytes(path)
    return "" if content is None else content.decode("utf-8", "replace")


def _bytes(path: str) -> bytes | None:
    """Return what the kernel shows at `path`, None when it shows nothing; plain calls, since a child waits."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(handle, _SHOWN_BYTES_MAX)
    except OSError:
        return None
    finally:
        os.close(handle)


def _count(folder: str) -> int | None:
    try:
        return len(os.listdir(folder))  # noqa: PTH208  a count of names, no paths
    except OSError:
        return None


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115  kernel objects, no paths
    except OSError:
        return ""
