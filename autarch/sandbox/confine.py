"""Confine this process for good, layer by layer, and try each door afterwards.

Runs in a freshly forked child, before it has seen a strategy; so what it says of itself can be believed.
"""

from __future__ import annotations

import errno
import os
import platform
import resource
import signal
from collections.abc import Callable
from functools import lru_cache

from autarch.sandbox import bpf, doors, kernel
from autarch.sandbox.control import Birth
from autarch.sandbox.protocol import Ready

_DISCARD_PORT = 9


def confine(*, request_fd: int, answer_fd: int, birth: Birth) -> Ready:
    """Give up everything but two pipe ends, and report which layers held.

    A layer that cannot be reached is reported, not fatal: whoever forked us decides.

    Args:
        request_fd: Stays open for reading.
        answer_fd: Stays open for writing.
        birth: Where it comes from and what it may use; without its zygote this process ends.
    """
    kept = (request_fd, answer_fd)
    layers = {
        "process": _attempt(lambda: _leave_family(birth, kept)),
        "rlimits": _attempt(lambda: _limit(birth)),
        "no_new_privs": _attempt(kernel.no_new_privileges),
        "capabilities": _attempt(kernel.drop_capabilities),
    }
    layers["landlock"] = _attempt(lambda: _landlock(birth.handles))
    layers["signals"] = _attempt(lambda: _keep_signals_in(birth))
    layers["seccomp"] = _attempt(lambda: _filter(kept, rehearsal=True))
    refused = {}
    if not layers["seccomp"]:  # an open door would be gone through
        refused = doors.try_all(birth.handles, parent=birth.zygote, sibling=birth.sibling)
    birth.handles.close()
    layers["seccomp"] = layers["seccomp"] or _attempt(lambda: _filter(kept, rehearsal=False))
    return Ready(layers=layers, refused=refused)


def _attempt(layer: Callable[[], None]) -> str:
    try:
        layer()
    except (OSError, ValueError, AttributeError) as error:  # AttributeError: a libc without the call
        return str(error) or type(error).__name__
    return ""


def _leave_family(birth: Birth, kept: tuple[int, ...]) -> None:
    kernel.close_all_but((*kept, *birth.handles.open))
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != birth.parent:
        os._exit(0)  # the zygote ended between fork and here


def _limit(birth: Birth) -> None:
    for name, soft, hard in (
        (resource.RLIMIT_AS, birth.address_space_bytes, birth.address_space_bytes),
        (resource.RLIMIT_CPU, birth.cpu_seconds, birth.cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        ceiling = resource.getrlimit(name)[1]
        within = [value if ceiling == resource.RLIM_INFINITY else min(value, ceiling) for value in (soft, hard)]
        resource.setrlimit(name, (within[0], within[1]))


def _landlock(handles: doors.Handles) -> None:
    """Enter a ruleset that grants nothing, and see it refuse before any other layer could."""
    abi = kernel.landlock_abi()
    if abi < 1:
        raise OSError(f"kernel {platform.release()} has no Landlock, or it is not in its list of security modules")
    ruleset = kernel.landlock_deny_all(abi)
    kernel.landlock_restrict(ruleset)
    os.close(ruleset)
    if not doors.refused(lambda: os.close(os.open("/", os.O_RDONLY)), number=errno.EACCES):
        raise OSError("it was entered, and the root folder could be opened all the same")
    reaches = not doors.refused(lambda: kernel.connect(handles.tcp, "127.0.0.1", _DISCARD_PORT), number=errno.EACCES)
    if abi >= kernel.TCP_ABI and handles.tcp >= 0 and reaches:
        raise OSError("it was entered, and TCP was not refused all the same")


def _keep_signals_in(birth: Birth) -> None:
    """Prove, before the filter forbids every signal, that a signal to a sibling is refused without it."""
    abi = kernel.landlock_abi()
    if abi < kernel.SIGNALS_ABI and not birth.is_apart:
        found = f"Landlock ABI {abi} does not scope signals (that takes {kernel.SIGNALS_ABI})"
        raise OSError(f"{found}, and no process namespace was to be had")
    try:
        os.kill(birth.sibling, 0)
    except (PermissionError, ProcessLookupError):  # not found: nobody has that number here
        return
    raise OSError("a signal reached a sibling")


def _filter(kept: tuple[int, int], *, rehearsal: bool) -> None:
    if not kernel.is_supported():
        raise OSError(f"the filter speaks x86-64 Linux, this is {platform.machine()} {platform.system()}")
    if rehearsal:  # no new descriptor from here on; set last, since Landlock and the handles needed some
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    kernel.install_filter(_encoded(os.getpid(), *kept, rehearsal))


def prepare(request_fd: int, answer_fd: int) -> None:
    """Make, before the fork, the filters of a child that will be the first in its process namespace."""
    for rehearsal in (True, False):
        _encoded(1, request_fd, answer_fd, rehearsal)


@lru_cache(maxsize=64)
def _encoded(pid: int, request_fd: int, answer_fd: int, rehearsal: bool) -> bytes:  # noqa: FBT001  a key of a cache
    return bpf.encode(bpf.strategy_filter(pid=pid, request_fd=request_fd, answer_fd=answer_fd, rehearsal=rehearsal))
