"""Make huge pages of what a zygote has imported, so that each fork copies one entry where it copied 512.

Half of a fork was the copying of page tables. The kernel joins pages on request even where it would not by itself
(madvise(2), MADV_COLLAPSE, Linux 6.1); where it will not, nothing is lost but the time.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

_COLLAPSE = 25  # MADV_COLLAPSE, linux/mman.h
_HUGE = 1 << 21
_MAPS = Path("/proc/self/maps")

_libc = ctypes.CDLL(None, use_errno=True)


def own_memory() -> list[int]:
    """Return where each stretch of this process's own memory begins that could be one huge page.

    Empty where /proc does not tell; ask before it is out of reach.
    """
    found: list[int] = []
    with suppress(OSError, ValueError):
        for line in _MAPS.read_text(encoding="utf-8", errors="replace").splitlines():
            place, rights, _, _, _, *name = line.split(None, 5)
            if rights == "rw-p" and name in ([], ["[heap]"]):
                begin, end = (int(part, 16) for part in place.split("-"))
                found += range(-(-begin // _HUGE) * _HUGE, end - _HUGE + 1, _HUGE)
    return found


def join(begin: int) -> None:
    """Make one page of the stretch at `begin`, if the kernel can."""
    _libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(_HUGE), ctypes.c_int(_COLLAPSE))
