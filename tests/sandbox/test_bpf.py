"""The system-call filter, run by a small interpreter of classic BPF."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from autarch.sandbox import bpf

ALLOWED, REFUSED, KILLED = 0x7FFF0000, 0x00050001, 0x80000000
X86_64, I386, X32 = 0xC000003E, 0x40000003, 0x40000000
PID, REQUEST_FD, ANSWER_FD = 4242, 5, 9
Program = tuple[bpf.Instruction, ...]
PROGRAM = bpf.strategy_filter(pid=PID, request_fd=REQUEST_FD, answer_fd=ANSWER_FD)
REHEARSAL = bpf.strategy_filter(pid=PID, request_fd=REQUEST_FD, answer_fd=ANSWER_FD, rehearsal=True)
READ, WRITE, OPEN, MMAP, MPROTECT, CLONE, KILL, TGKILL, EXECVE = 0, 1, 2, 9, 10, 56, 62, 234, 59


def answer(number: int, *arguments: int, arch: int = X86_64, program: Program = PROGRAM) -> int:
    """Run the program on one struct seccomp_data and return its verdict."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    record = struct.pack("<IIQ6Q", number, arch, 0, *padded)
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", record, k)[0]
        elif code == 0x54:
            accumulator &= k
        elif code == 0x15:
            at += if_true if accumulator == k else if_false
        elif code == 0x35:
            at += if_true if accumulator >= k else if_false
        else:
            return k


def test_only_the_two_pipe_ends_can_be_read_and_written() -> None:
    assert answer(READ, REQUEST_FD) == ALLOWED
    assert answer(WRITE, ANSWER_FD) == ALLOWED
    assert answer(READ, ANSWER_FD) == REFUSED
    assert answer(WRITE, REQUEST_FD) == REFUSED
    assert answer(WRITE, 1) == REFUSED


@given(prot=st.integers(0, 2**32 - 1), flags=st.integers(0, 2**32 - 1))
def test_memory_is_anonymous_and_never_executable(prot: int, flags: int) -> None:
    may_map = not prot & 4 and bool(flags & 0x20)

    assert answer(MMAP, 0, 4096, prot, flags) == (ALLOWED if may_map else REFUSED)
    assert answer(MPROTECT, 0, 4096, prot) == (REFUSED if prot & 4 else ALLOWED)


def test_signals_reach_the_process_itself_alone() -> None:
    assert answer(TGKILL, PID, PID, 6) == ALLOWED
    assert answer(TGKILL, PID, PID, 9) == REFUSED  # a strategy that kills itself would look killed from outside
    assert answer(TGKILL, PID + 1, PID + 1, 6) == REFUSED
    assert answer(KILL, PID, 9) == REFUSED
    assert answer(129, PID, 9) == REFUSED  # rt_sigqueueinfo
    assert answer(297, PID, PID, 9) == REFUSED  # rt_tgsigqueueinfo


def test_files_processes_and_entropy_are_refused() -> None:
    for number in (OPEN, 4, 5, 257, 262, 332, 41, CLONE, 57, 435, 22, 318, 35, 228):
        # open stat fstat openat newfstatat statx socket clone fork clone3 pipe getrandom nanosleep clock_gettime
        assert answer(number) == REFUSED, number


def test_what_no_library_calls_by_accident_kills() -> None:
    for number in (EXECVE, 322, 101, 310, 311, 321, 323, 425):
        assert answer(number) == KILLED, number


@given(number=st.integers(0, 2**32 - 1))
def test_another_architecture_or_the_x32_calls_kill_whatever_the_number(number: int) -> None:
    assert answer(number, REQUEST_FD, arch=I386) == KILLED
    assert answer(number | X32, REQUEST_FD) == KILLED


@given(number=st.integers(0, X32 - 1))
def test_a_call_nobody_listed_is_refused(number: int) -> None:
    listed = {0, 1, 9, 10, 11, 12, 14, 15, 24, 25, 28, 39, 60, 131, 186, 202, 219, 231, 234, 334}
    fatal = {59, 101, 175, 246, 298, 310, 311, 313, 321, 322, 323, 425}

    expected = KILLED if number in fatal else REFUSED
    assert number in listed or answer(number) == expected


@given(number=st.integers(0, X32 - 1), argument=st.sampled_from([0, REQUEST_FD, ANSWER_FD, PID, 22]))
def test_a_rehearsal_refuses_where_the_filter_kills_and_lets_through_closing_and_the_filter(number, argument) -> None:
    close, prctl, set_seccomp = 3, 157, 22
    final, rehearsed = answer(number, argument), answer(number, argument, program=REHEARSAL)

    if number == close or (number == prctl and argument == set_seccomp):
        assert (final, rehearsed) == (REFUSED, ALLOWED)
    else:
        assert rehearsed == (REFUSED if final == KILLED else final)


def test_the_encoded_program_has_eight_bytes_an_instruction_and_short_jumps() -> None:
    encoded = bpf.encode(PROGRAM)

    assert len(encoded) == 8 * len(PROGRAM) < 8 * 4096  # the kernel's limit is 4096 instructions
    assert all(0 <= if_true < 256 and 0 <= if_false < 256 for _, if_true, if_false, _ in PROGRAM)
