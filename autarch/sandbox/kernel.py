"""Linux calls that Python does not offer: Landlock, seccomp, capabilities, address layout. x86-64, no dependency.

Sources: man pages landlock(7), seccomp(2), capabilities(7), prctl(2), personality(2), tgkill(2), ptrace(2); numbers
from the kernel's uapi headers (landlock.h, prctl.h, capability.h, personality.h).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_SYS_CAPSET, _SYS_PERSONALITY, _SYS_TGKILL, _SYS_CLOSE_RANGE = 126, 135, 234, 436
_SYS_LANDLOCK_CREATE, _SYS_LANDLOCK_ADD_RULE, _SYS_LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_PATH_BENEATH, _LANDLOCK_NET_PORT = 1, 2
_CONNECT_TCP = 0b10
_FILE_READING, _FOLDER_READING = 0b101, 0b1101
_FILE_WRITING = 0b10 | 1 << 14 | 1 << 15
_LANDLOCK_VERSION_FLAG = 1
TCP_ABI, SIGNALS_ABI = 4, 6
"""Landlock's ABI from which on it can deny TCP, and signals beyond the sandbox."""

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 22, 36, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522
_ADDR_NO_RANDOMIZE, _ADDR_COMPAT_LAYOUT, _PERSONALITY_ASKED = 0x0040000, 0x0200000, 0xFFFFFFFF
_AF_INET = 2

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Return the kernel's Landlock ABI, 0 when it has none or it is switched off."""
    return max(0, _call(_SYS_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_LANDLOCK_VERSION_FLAG)))


def landlock_deny_all(abi: int) -> int:
    """Return a ruleset descriptor that grants nothing of all that `abi` can deny.

    Files from ABI 1 (13 rights, one more at 2, 3 and 5), TCP from 4, signals and abstract sockets
    beyond the sandbox from 6.

    Raises:
        OSError: the kernel refused the ruleset.
    """
    fields = [(1 << _file_rights(abi)) - 1]
    fields += [0b11] if abi >= TCP_ABI else []
    fields += [0b11] if abi >= SIGNALS_ABI else []
    attributes = struct.pack(f"<{len(fields)}Q", *fields)
    return _checked(
        _call(_SYS_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)),
        "landlock_create_ruleset",
    )


def landlock_allow(ruleset_fd: int, path: str, *, abi: int, writing: bool = False) -> None:
    """Grant a ruleset that denies all the reading, and if `writing` any change, of a file or of all in a folder.

    Raises:
        OSError: there is no such path, or the kernel refused the rule.
    """
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
        known = (1 << _file_rights(abi)) - 1
        rights = _FOLDER_READING if is_folder else _FILE_READING
        if writing:
            rights = known if is_folder else (_FILE_READING | _FILE_WRITING) & known
        attributes = struct.pack("<Qi", rights, place)
        rule = (ctypes.c_int(ruleset_fd), ctypes.c_int(_LANDLOCK_PATH_BENEATH), attributes, ctypes.c_uint(0))
        _checked(_call(_SYS_LANDLOCK_ADD_RULE, *rule), "landlock_add_rule")
    finally:
        os.close(place)


def landlock_allow_connecting(ruleset_fd: int, port: int) -> None:
    """Grant a ruleset that denies TCP connecting to one port, of whatever host: Landlock knows no addresses.

    Raises:
        OSError: the kernel refused the rule.
    """
    attributes = struct.pack("<QQ", _CONNECT_TCP, port)
    rule = (ctypes.c_int(ruleset_fd), ctypes.c_int(_LANDLOCK_NET_PORT), attributes, ctypes.c_uint(0))
    _checked(_call(_SYS_LANDLOCK_ADD_RULE, *rule), "landlock_add_rule")


def landlock_restrict(ruleset_fd: int) -> None:
    """Confine this process to a ruleset for good. `no_new_privs` comes first."""
    _checked(
        _call(_SYS_LANDLOCK_RESTRICT, ctypes.c_int(ruleset_fd), ctypes.c_uint(0)),
        "landlock_restrict_self",
    )


def no_new_privileges() -> None:
    """Give up gaining rights through exec, for good."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process `signal_number` when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal_number, "pdeathsig")


def adopt_orphans() -> None:
    """Become the parent of whatever descendants lose theirs, so that none of them gets away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, "child_subreaper")


def drop_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets, so that uid 0 is nobody special."""
    header = struct.pack("<Ii", _CAPABILITY_VERSION_3, 0)
    _checked(_call(_SYS_CAPSET, header, b"\0" * 24), "capset")


def install_filter(encoded: bytes) -> None:
    """Install an encoded BPF program as this thread's seccomp filter, for good."""
    code = ctypes.create_string_buffer(encoded, len(encoded))
    program = struct.pack("<HxxxxxxQ", len(encoded) // 8, ctypes.addressof(code))
    _checked(
        _libc.prctl(
            ctypes.c_int(_PR_SET_SECCOMP),
            ctypes.c_ulong(_SECCOMP_MODE_FILTER),
            ctypes.c_char_p(program),
            ctypes.c_ulong(0),
            ctypes.c_ulong(0),
        ),
        "seccomp",
    )


def close_all_but(kept: tuple[int, ...]) -> None:
    """Close every descriptor that is not in `kept`, however high."""
    low = 0
    for fd in (*sorted(kept), 0xFFFFFFFF + 1):
        if fd > low and _call(_SYS_CLOSE_RANGE, ctypes.c_uint(low), ctypes.c_uint(fd - 1), ctypes.c_uint(0)) < 0:
            os.closerange(low, min(fd, os.sysconf("SC_OPEN_MAX")))  # kernels before 5.9, other systems
        low = fd + 1


def connect(fd: int, host: str, port: int) -> None:
    """Connect an IPv4 socket by its descriptor; Python's own asks the kernel about the socket first.

    Raises:
        OSError: the kernel's answer.
    """
    address = struct.pack("<H", _AF_INET) + struct.pack(">H4s8x", port, bytes(map(int, host.split("."))))
    _checked(_libc.connect(ctypes.c_int(fd), address, ctypes.c_uint(len(address))), "connect")


def signal_thread(process: int, thread: int, signal_number: int) -> None:
    """Signal one thread of a process.

    Raises:
        OSError: the kernel's answer.
    """
    arguments = (ctypes.c_int(process), ctypes.c_int(thread), ctypes.c_int(signal_number))
    _checked(_call(_SYS_TGKILL, *arguments), "tgkill")


def protect(address: int, size: int, protection: int) -> None:
    """Change what may be done with the pages at `address`.

    Raises:
        OSError: the kernel's answer.
    """
    place = (ctypes.c_void_p(address), ctypes.c_size_t(size))
    _checked(_libc.mprotect(*place, ctypes.c_int(protection)), "mprotect")


def ask_to_be_traced() -> None:
    """Make the parent this process's tracer, as a program under a debugger does.

    Raises:
        OSError: the kernel's answer.
    """
    none = ctypes.c_void_p(None)
    _checked(_libc.ptrace(ctypes.c_long(0), ctypes.c_int(0), none, none), "ptrace")


@contextmanager
def fixed_addresses(*, shifted: bool = False) -> Iterator[None]:
    """Let what this thread executes meanwhile start without address randomization, where the kernel allows it.

    An address that a program can read would otherwise be drawn anew in each run. The thread's own image
    stays where it is; `addresses_are_fixed` tells the other side whether it worked. `shifted` chooses the
    kernel's older layout, whose addresses are as fixed and others.
    """
    before = _personality(_PERSONALITY_ASKED)
    if before >= 0:
        _personality(before | _ADDR_NO_RANDOMIZE | (_ADDR_COMPAT_LAYOUT if shifted else 0))
    try:
        yield
    finally:
        if before >= 0:
            _personality(before)


def addresses_are_fixed() -> bool:
    """Return True when this process was executed without address randomization."""
    found = _personality(_PERSONALITY_ASKED)
    return found >= 0 and bool(found & _ADDR_NO_RANDOMIZE)


def is_supported() -> bool:
    """Return True where the numbers of this module mean what it thinks: Linux on x86-64."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"


def _file_rights(abi: int) -> int:
    return 13 + (abi >= 2) + (abi >= 3) + (abi >= 5)


def _call(number: int, *arguments: object) -> int:
    """Make one system call by its number; -1 with errno ENOSYS where numbers mean something else."""
    if not is_supported():
        ctypes.set_errno(errno.ENOSYS)
        return -1
    return int(_libc.syscall(ctypes.c_long(number), *arguments))


def _personality(value: int) -> int:
    return _call(_SYS_PERSONALITY, ctypes.c_ulong(value))


def _prctl(option: int, value: int, name: str) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), name)


def _checked(outcome: int, name: str) -> int:
    if outcome < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return outcome
