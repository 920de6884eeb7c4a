"""Become another program that ends when the process that started it does: `leash.py PARENT PROGRAM ARGUMENT...`.

Run as a file and with the standard library alone, since what follows is another version's code. On Linux
the kernel sends the signal when the *thread* that started this ends (PR_SET_PDEATHSIG, prctl(2)), and keeps
the wish across exec; so that thread waits for its child. Elsewhere the program runs without a leash.
"""

import ctypes
import os
import signal
import sys
from typing import NoReturn

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> NoReturn:
    """Replace this process by `argv[1:]`; exit 1 when its parent, process `argv[0]`, is gone already."""
    parent, program = int(argv[0]), argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  the forge named the program; no shell may read it


if __name__ == "__main__":
    main(sys.argv[1:])
