"""Stop the clock a process can see, so that no strategy acts on today's date.

On x86-64 Linux glibc asks the time from code the kernel maps into every process (the vDSO), which no
filter of system calls can stop. Unmapping it breaks libraries; instead the three functions of it that
tell time are overwritten, in this process's private copy of the page, with code that returns one
constant. Debuggers set breakpoints there the same way.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STILL_EPOCH_S = 1_000_000_000  # 2001-09-09T01:46:40Z: a round number that is no trading day of ours
_MAPS = Path("/proc/self/maps")
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 4, 5, 6, 0x6FFFFEF5
_SYMBOL_BYTES = 24
_SYMBOLS_MAX = 64

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class _Function:
    address: int
    size: int


def stop_clock(*, shift_s: int = 0) -> str:
    """Make every clock of this process stand at STILL_EPOCH_S + shift_s; return "" when done, else why not.

    clock_gettime answers that instant for every clock, so monotonic time stands still as well: a
    process that does this must not wait with a timeout.
    """
    if platform.machine() != "x86_64":
        return f"the code is for x86-64, this is {platform.machine()}"
    base, end = _mapped()
    if base == end:
        return "this process has no vDSO"
    functions = _time_functions(base)
    code = _replacements(STILL_EPOCH_S + shift_s)
    lacking = sorted(name for name in code if name not in functions or functions[name].size < len(code[name]))
    if lacking:
        return f"the vDSO has no room for {', '.join(lacking)}"
    return _overwrite(base, end, {functions[name].address: replacement for name, replacement in code.items()})


def _replacements(seconds: int) -> dict[str, bytes]:
    """Return x86-64 code for each function: store (seconds, 0) where the caller asked, return 0."""
    load = b"\x48\xb8" + struct.pack("<q", seconds)  # mov rax, seconds
    store_at_rsi = b"\x48\x89\x06" + b"\x48\xc7\x46\x08\0\0\0\0"  # mov [rsi], rax; mov qword [rsi+8], 0
    store_at_rdi = b"\x48\x89\x07" + b"\x48\xc7\x47\x08\0\0\0\0"  # the same for rdi
    done = b"\x31\xc0\xc3"  # xor eax, eax; ret
    no_pointer = b"\x48\x85\xff\x74\x03\x48\x89\x07\xc3"  # test rdi, rdi; jz over; mov [rdi], rax; ret
    return {
        "__vdso_clock_gettime": load + store_at_rsi + done,
        "__vdso_gettimeofday": load + store_at_rdi + done,
        "__vdso_time": load + no_pointer,
    }


def _mapped() -> tuple[int, int]:
    """Return where the vDSO begins and ends; twice 0 when there is none."""
    for line in _MAPS.read_text(encoding="ascii").splitlines():
        if line.endswith("[vdso]"):
            begin, _, end = line.split(" ", 1)[0].partition("-")
            return int(begin, 16), int(end, 16)
    return 0, 0


def _overwrite(base: int, end: int, code: Mapping[int, bytes]) -> str:
    # The whole mapping at once: the kernel refuses to split this one.
    span = ctypes.c_size_t(end - base)
    readable = mmap.PROT_READ | mmap.PROT_EXEC
    if _libc.mprotect(ctypes.c_void_p(base), span, readable | mmap.PROT_WRITE) != 0:
        return f"the vDSO cannot be rewritten: {os.strerror(ctypes.get_errno())}"
    for address, replacement in code.items():
        ctypes.memmove(address, replacement, len(replacement))
    _libc.mprotect(ctypes.c_void_p(base), span, readable)
    return ""


def _time_functions(base: int) -> dict[str, _Function]:
    """Return name -> place of the vDSO's exported functions (ELF-64, System V ABI chapter 5)."""
    offset, headers = struct.unpack("<Q", _bytes(base + 32, 8))[0], struct.unpack("<H", _bytes(base + 56, 2))[0]
    load_bias, dynamic = base, 0
    for index in range(headers):
        kind, _, file_offset, virtual = struct.unpack("<IIQQ", _bytes(base + offset + 56 * index, 24))
        if kind == _PT_LOAD:
            load_bias = base + file_offset - virtual
        elif kind == _PT_DYNAMIC:
            dynamic = base + file_offset
    tables = _dynamic_entries(dynamic)
    symbols, names = load_bias + tables[_DT_SYMTAB], load_bias + tables[_DT_STRTAB]
    found = {}
    for index in range(_symbol_count(tables, load_bias)):
        name, value, size = _symbol(symbols + _SYMBOL_BYTES * index)
        text = ctypes.string_at(names + name).decode("ascii")
        found[text] = _Function(address=load_bias + value, size=size)
    return found


def _symbol(address: int) -> tuple[int, int, int]:
    name, _, _, _, value, size = struct.unpack("<IBBHQQ", _bytes(address, _SYMBOL_BYTES))
    return name, value, size


def _dynamic_entries(address: int) -> dict[int, int]:
    entries: dict[int, int] = {}
    for index in range(_SYMBOLS_MAX):
        tag, value = struct.unpack("<QQ", _bytes(address + 16 * index, 16))
        if tag == 0:
            break
        entries[tag] = value
    return entries


def _symbol_count(tables: dict[int, int], load_bias: int) -> int:
    """Return how many symbols there are; kernels from 6.12 carry only the GNU hash, whose last chain ends them."""
    if _DT_HASH in tables:
        return min(_SYMBOLS_MAX, _word(load_bias + tables[_DT_HASH] + 4))
    table = load_bias + tables[_DT_GNU_HASH]
    buckets, first, bloom, _ = struct.unpack("<4I", _bytes(table, 16))
    last = max(_word(table + 16 + 8 * bloom + 4 * index) for index in range(buckets))
    chains = table + 16 + 8 * bloom + 4 * buckets
    while last < _SYMBOLS_MAX and not _word(chains + 4 * (last - first)) & 1:
        last += 1
    return last + 1


def _word(address: int) -> int:
    """Return the unsigned 32-bit integer at `address`."""
    return int.from_bytes(_bytes(address, 4), "little")


def _bytes(address: int, count: int) -> bytes:
    return ctypes.string_at(address, count)
