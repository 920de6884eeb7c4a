"""Other hosts, as far as one host can play them: become an ordinary user, or a container, and confine strategies there.

Run as a script: `python hosts.py HOST`; prints one JSON object. HOST is `nobody`, `container` or `container-nobody`.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from pathlib import Path

NOBODY = 65_534
_CONTAINER_RIGHTS = (
    0xA80425FB  # what a container's root keeps by default: chown, setuid, kill, chroot, ...; no sys_admin
)
_RIGHTS = 41
_PR_CAPBSET_DROP, _SYS_CAPSET, _CAPABILITY_VERSION_3 = 24, 126, 0x20080522
_EPERM, _ENOSYS = 1, 38
_NEW_NAMESPACES = 0x7E020000
_PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
_MS_BIND, _CLONE_NEWNS, _MS_PRIVATE_ALL = 4096, 0x20000, (1 << 18) | (1 << 14)
_libc = ctypes.CDLL(None, use_errno=True)

REFUSED = (
    "os.open('/etc/passwd', 0)",
    "os.listdir('/')",
    "os.kill(os.getppid(), 9)",
    "os.kill(1, 9)",
    "os.fork()",
    "socket.socket()",
    "ctypes.CDLL(None, use_errno=True).unshare(0x10000000) and os.open('/', 0)",
)


def become(host: str) -> None:
    """Give up, for good, what the process would not have on that host."""
    if "container" in host:
        for right in range(_RIGHTS):
            if not _CONTAINER_RIGHTS >> right & 1:
                _libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0)
    if "nobody" in host:
        _show_to_others([Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), Path(__file__).resolve()])
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if "container" in host:
        from autarch.sandbox import bpf, kernel

        rights = _CONTAINER_RIGHTS if os.getuid() == 0 else 0
        _libc.syscall(
            _SYS_CAPSET, struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), struct.pack("<6I", rights, rights, *[0] * 4)
        )
        kernel.no_new_privileges()
        kernel.install_filter(bpf.encode(container_filter()))


def container_filter() -> list[tuple[int, int, int, int]]:
    """Return what a container's usual profile refuses, as a seccomp program: namespaces, mounts, odd personalities.

    Source: the default profile of the moby project, as documented in docs.docker.com/engine/security/seccomp.
    """
    load, equal, both, give = 0x20, 0x15, 0x45, 0x06
    number, argument = 0, 16
    allow, refuse, unknown = 0x7FFF0000, 0x50000 | _EPERM, 0x50000 | _ENOSYS
    program = [(load, 0, 0, number)]
    for call in (272, 165, 308, 155, 166):  # unshare mount setns pivot_root umount2
        program += [(equal, 0, 1, call), (give, 0, 0, refuse)]
    program += [(equal, 0, 1, 435), (give, 0, 0, unknown)]  # clone3
    program += [(equal, 0, 4, 56), (load, 0, 0, argument), (both, 0, 1, _NEW_NAMESPACES), (give, 0, 0, refuse)]
    program += [(give, 0, 0, allow), (equal, 1, 0, 135), (give, 0, 0, allow), (load, 0, 0, argument)]
    for value in _PERSONALITIES:
        program += [(equal, 0, 1, value), (give, 0, 0, allow)]
    return [*program, (give, 0, 0, refuse)]


def _show_to_others(wanted: list[Path]) -> None:
    """Let others reach `wanted` where a folder above is closed to them: in a mount namespace of this process alone."""
    closed = next((p for path in wanted for p in reversed(path.parents) if not p.stat().st_mode & 1), None)
    if closed is None:
        return
    refused = _libc.unshare(_CLONE_NEWNS) or _libc.mount(None, b"/", None, _MS_PRIVATE_ALL, None)
    below = [(path, os.open(path, os.O_PATH)) for path in wanted if path.is_relative_to(closed)]
    if refused or _libc.mount(b"tmpfs", bytes(closed), b"tmpfs", 0, b"mode=755"):
        raise PermissionError(f"{closed} is closed to other users, and here it cannot be shown to them")
    for path, handle in below:
        path.mkdir(parents=True)
        if _libc.mount(b"/proc/self/fd/%d" % handle, bytes(path), None, _MS_BIND, None):
            raise PermissionError(f"cannot show {path} to other users")


def report() -> dict[str, object]:
    """Confine strategies here, and tell what they reached."""
    sys.path.insert(0, str(Path(__file__).parent))
    from hostile import attempting, errno_of, run_unpoliced

    from autarch.errors import SandboxError
    from autarch.sandbox import Worker

    try:
        with Worker() as worker:
            level = worker.level
            errnos = {attempt: errno_of(run_unpoliced(worker, attempting(attempt))) for attempt in REFUSED}
            return {"uid": os.getuid(), "level": level.to_json(), "errnos": errnos, "refused": ""}
    except SandboxError as error:
        return {"uid": os.getuid(), "level": {}, "errnos": {}, "refused": str(error)}


if __name__ == "__main__":
    become(sys.argv[1])
    sys.stdout.write(json.dumps(report()))
