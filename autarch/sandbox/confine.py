"""Confine this process for good, layer by layer, and try each door afterwards.

Runs in a freshly forked child, before it has seen a strategy; so what it says of itself can be believed.
"""

from __future__ import annotations

import mmap
import os
import platform
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from autarch.sandbox import bpf, kernel
from autarch.sandbox.protocol import Ready

_HARMLESS_SIGNAL = 0


def confine(*, request_fd: int, answer_fd: int, parent: int, address_space_bytes: int, cpu_seconds: int) -> Ready:
    """Give up everything but two pipe ends, and report which layers held.

    A layer that cannot be reached is reported, not fatal: whoever forked us decides.

    Args:
        request_fd: Stays open for reading.
        answer_fd: Stays open for writing.
        parent: Process id of the zygote; without it this process ends.
        address_space_bytes: RLIMIT_AS.
        cpu_seconds: RLIMIT_CPU.
    """
    layers = {
        "process": _attempt(lambda: _leave_family(parent, (request_fd, answer_fd))),
        "rlimits": _attempt(lambda: _limit(address_space_bytes, cpu_seconds)),
        "no_new_privs": _attempt(kernel.no_new_privileges),
        "capabilities": _attempt(kernel.drop_capabilities),
        "landlock": _attempt(_landlock),
        "seccomp": _attempt(lambda: _filter(request_fd, answer_fd)),
    }
    return Ready(layers=layers, refused=_try_doors(parent))


def _attempt(layer: Callable[[], None]) -> str:
    try:
        layer()
    except (OSError, ValueError, AttributeError) as error:  # AttributeError: a libc without the call
        return str(error) or type(error).__name__
    return ""


def _leave_family(parent: int, kept: tuple[int, ...]) -> None:
    kernel.close_all_but(kept)
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # the zygote ended between fork and here


def _limit(address_space_bytes: int, cpu_seconds: int) -> None:
    for name, soft, hard in (
        (resource.RLIMIT_AS, address_space_bytes, address_space_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        ceiling = resource.getrlimit(name)[1]
        within = [value if ceiling == resource.RLIM_INFINITY else min(value, ceiling) for value in (soft, hard)]
        resource.setrlimit(name, (within[0], within[1]))


def _landlock() -> None:
    abi = kernel.landlock_abi()
    if abi < 1:
        raise OSError(f"kernel {platform.release()} has no Landlock, or it is not in its list of security modules")
    ruleset = kernel.landlock_deny_all(abi)
    kernel.landlock_restrict(ruleset)
    os.close(ruleset)


def _filter(request_fd: int, answer_fd: int) -> None:
    if not kernel.is_supported():
        raise OSError(f"the filter speaks x86-64 Linux, this is {platform.machine()} {platform.system()}")
    # No new descriptor from here on; set last, since Landlock needed one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    program = bpf.strategy_filter(pid=os.getpid(), request_fd=request_fd, answer_fd=answer_fd)
    kernel.install_filter(bpf.encode(program))


def _try_doors(parent: int) -> dict[str, bool]:
    """Return for each attempt whether it was refused, as it must be."""
    return {
        "open": _refused(lambda: os.close(os.open("/etc/passwd", os.O_RDONLY))),
        "stat": _refused(lambda: Path("/etc").stat()),
        "socket": _refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()),
        "fork": _refused(_fork),
        "kill": _refused(lambda: os.kill(parent, _HARMLESS_SIGNAL)),
        "machine_code": _refused(lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC).close()),
    }


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
