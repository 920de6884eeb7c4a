"""Keep the memory that one backtest frees for the next.

glibc hands every large array back to the kernel when it is freed, and the next one of the same size has
each of its pages made and zeroed again: on a virtual machine half of a warm backtest's time. What is kept
this way is bounded by `KEPT_BYTES` a process.
"""

from __future__ import annotations

import ctypes
from typing import Final

KEPT_BYTES: Final = 256 * 1024 * 1024
_ARRAY_BYTES_MAX: Final = 1024 * 1024 * 1024
_AT_ONCE_BYTES: Final = 16 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # mallopt(3)


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory; return whether it listens (glibc does, others ignore it)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wishes = (
        (_M_TRIM_THRESHOLD, KEPT_BYTES),
        (_M_TOP_PAD, _AT_ONCE_BYTES),
        (_M_MMAP_THRESHOLD, _ARRAY_BYTES_MAX),
    )
    return all(mallopt(name, size) == 1 for name, size in wishes)
