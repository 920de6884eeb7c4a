"""The layers of confinement by name: what each needs of a host, and which of them are demanded.

A policy may demand more than the code does, never less: a verdict is the policy's, the machine is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autarch.errors import ConfigError

_LINUX = "needs Linux on x86-64"
_NAMESPACES = "needs a host that lets this user make namespaces; containers and some distributions forbid it"
REMEDIES: dict[str, str] = {
    "numeric pin": "something between exec and Python cleans the environment; run without a wrapper",
    "process": _LINUX,
    "descriptors": "needs a /proc that shows one's own processes",
    "environment": "needs a /proc that shows one's own processes",
    "rlimits": "raise the limits this process inherited (ulimit -a); needs a /proc that shows one's own processes",
    "no_new_privs": _LINUX,
    "capabilities": _LINUX,
    "landlock": "needs Linux 5.13 or newer with `landlock` in the kernel's lsm= list",
    "signals": "needs Landlock ABI 6 (Linux 6.12), or a host that lets this user make process namespaces",
    "seccomp": "needs x86-64 Linux with seccomp filters; a container must allow prctl(PR_SET_SECCOMP)",
    "single thread": "something started a thread while the worker's libraries were imported; run without it",
    "self-test": "a way out stood open; report this with the kernel's version",
    "still clock": "needs a kernel whose vDSO may be rewritten; some virtual kernels have none",
    "fixed addresses": "a container must allow personality(ADDR_NO_RANDOMIZE)",
    "pid namespace": _NAMESPACES,
    "network namespace": _NAMESPACES,
    "user namespace": _NAMESPACES,
    "empty root": _NAMESPACES,
}
"""Every layer, in the order it is shown, with what to do where it cannot be reached."""

WANTED = ("fixed addresses", "pid namespace", "network namespace", "user namespace", "empty root")
REQUIRED = tuple(name for name in REMEDIES if name not in WANTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Layers without which nothing is decided, and those whose absence is a warning."""

    required: tuple[str, ...] = REQUIRED
    wanted: tuple[str, ...] = WANTED


DEMANDS = Demands()
"""What is demanded where no policy says more: of a live host, of a backtest, of a sweep."""


def demands_of(required: Sequence[str], wanted: Sequence[str]) -> Demands:
    """Return a policy's demands.

    Raises:
        ConfigError: a name that is no layer, one named twice, one left out, or one required by the code only wanted.
    """
    named = (*required, *wanted)
    _require_known(named)
    if sorted(named) != sorted(REMEDIES):
        odd = sorted({name for name in REMEDIES if named.count(name) != 1})
        raise ConfigError(f"each layer of confinement is required or wanted, once; see {', '.join(odd)}")
    lowered = sorted(set(REQUIRED) - set(required))
    if lowered:
        raise ConfigError(
            f"{', '.join(lowered)} must be required: without it untrusted code would reach the machine or a verdict"
        )
    return Demands(required=tuple(required), wanted=tuple(wanted))


def stricter(demands: Demands, more: Sequence[str]) -> Demands:
    """Return `demands` with `more` layers required; nothing that was required is let go.

    Raises:
        ConfigError: a name that is no layer.
    """
    _require_known(more)
    required = {*demands.required, *more}
    return Demands(
        required=tuple(name for name in REMEDIES if name in required),
        wanted=tuple(name for name in REMEDIES if name not in required),
    )


def _require_known(names: Sequence[str]) -> None:
    unknown = sorted(set(names) - set(REMEDIES))
    if unknown:
        raise ConfigError(f"no layer of confinement is called {', '.join(unknown)}; there are {', '.join(REMEDIES)}")
