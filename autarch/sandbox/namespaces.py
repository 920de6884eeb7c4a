"""Rooms of its own, where the host allows them: users, network, processes, and a root folder with nothing in it.

A zygote leaves for a user namespace, which gives an ordinary user the rights for the rest, with an empty network;
each child it forks is alone in a process namespace. Hosted runners and containers forbid these calls.

Sources: man pages namespaces(7), user_namespaces(7), pid_namespaces(7), clone(2), chroot(2); flags from sched.h.
Python forks by `os.fork`, which takes no flags.
"""

from __future__ import annotations

import ctypes
import os
import signal
import tempfile

from autarch.sandbox import kernel

_SYS_CLONE = 56
_NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
_ROOMS = _NEWNET | _NEWIPC | _NEWUTS

_libc = ctypes.CDLL(None, use_errno=True)
_locked_libc = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock over a call, as a fork must


def leave_host() -> str:
    """Move this process into a user namespace of its own with an empty network; return "" when done, else why not.

    Where user namespaces are forbidden, who may do without gets the empty network alone.
    """
    for flags in (_NEWUSER | _ROOMS, _ROOMS):
        if _libc.unshare(ctypes.c_int(flags)) == 0:
            return ""
    return os.strerror(ctypes.get_errno())


def fork_apart() -> int:
    """Fork, the child alone in a process namespace of its own: it has nobody else's number to signal.

    In the child getpid() is 1 and getppid() 0; the kernel ignores signals that such a process would die of, unless
    they come from outside or from its own faults.

    Of one thread, as a zygote has and its child stays. What os.fork does besides, by hooks of Python and its libraries,
    is to mend the locks of threads that are gone, for a tenth of a child's start.

    Raises:
        OSError: the host forbids it, or the kernel could not.
    """
    if not kernel.is_supported():
        raise OSError("no process namespaces here")
    pid = _clone(_NEWPID)
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return pid


def empty_root() -> str:
    """Make a deleted, empty folder this process's root for good; return "" when done, else why not.

    Nothing can be found in it and nothing can be put into it. Descriptors that are open stay usable.
    """
    folder = tempfile.mkdtemp(prefix="autarch-")
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.rmdir(folder)  # noqa: PTH106  the descriptor outlives the name
        os.fchdir(handle)
        os.chroot(".")
    except OSError as error:
        os.chdir("/")
        return str(error.strerror)
    finally:
        os.close(handle)
    return ""


def _clone(flags: int) -> int:
    none = ctypes.c_void_p(None)
    flagged = ctypes.c_ulong(flags | signal.SIGCHLD)
    return int(_locked_libc.syscall(ctypes.c_long(_SYS_CLONE), flagged, none, none, none, ctypes.c_ulong(0)))
