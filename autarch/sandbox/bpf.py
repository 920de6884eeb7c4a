"""The system calls a confined strategy keeps, as a classic BPF program for seccomp on x86-64.

Everything a strategy needs was imported before, so what is left is: read the request pipe, write the
answer pipe, manage memory that is never executable, end. Each instruction is (code, jt, jf, k) as in
linux/filter.h; offsets are those of struct seccomp_data in linux/seccomp.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

Instruction = tuple[int, int, int, int]

_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_OFFSET_NR, _OFFSET_ARCH, _OFFSET_ARGS = 0, 4, 16
_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000
_ALLOW, _KILL_PROCESS, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # errno 1: EPERM

_PROT_EXEC, _MAP_ANONYMOUS = 0x4, 0x20

_READ, _WRITE, _CLOSE, _MMAP, _MPROTECT, _SOCKET, _PRCTL, _TGKILL = 0, 1, 3, 9, 10, 41, 157, 234
_PR_SET_SECCOMP, _SIGABRT = 22, 6
_AF_INET, _AF_INET6, _SOCK_STREAM, _SOCKET_KIND, _IPPROTO_TCP = 2, 10, 1, 0xF, 6
_PLAIN = {
    "munmap": 11,
    "brk": 12,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_yield": 24,
    "mremap": 25,
    "madvise": 28,
    "getpid": 39,
    "exit": 60,
    "sigaltstack": 131,
    "gettid": 186,
    "futex": 202,
    "restart_syscall": 219,
    "exit_group": 231,
    "rseq": 334,
}
"""Allowed whatever their arguments: they reach nothing outside the process."""

_FATAL = {
    "execve": 59,
    "ptrace": 101,
    "init_module": 175,
    "kexec_load": 246,
    "perf_event_open": 298,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "finit_module": 313,
    "bpf": 321,
    "execveat": 322,
    "userfaultfd": 323,
    "io_uring_setup": 425,
}
"""No library calls these by accident: the process is killed on the spot. All others get EPERM."""


@dataclass(frozen=True, slots=True)
class _Argument:
    """The low 32 bits of argument `index`, masked, must equal `value`; the kernel reads fds, prot and flags as 32."""

    index: int
    mask: int
    value: int


def strategy_filter(*, pid: int, request_fd: int, answer_fd: int, rehearsal: bool = False) -> tuple[Instruction, ...]:
    """Return the program for one confined child.

    Args:
        pid: The child's own, as it sees it. tgkill may reach no other and send SIGABRT alone, so abort() works, murder
            does not, and no strategy's end looks like a kill from outside.
        request_fd: The only descriptor read() may name.
        answer_fd: The only descriptor write() may name.
        rehearsal: Refuse what would kill, and leave open what it takes to close the handles of the rehearsal and to
            install the filter itself on top, which then decides: of two filters the kernel obeys the stricter.
    """
    whole = 0xFFFFFFFF
    checked: list[tuple[int, tuple[_Argument, ...]]] = [
        (_READ, (_Argument(0, whole, request_fd),)),
        (_WRITE, (_Argument(0, whole, answer_fd),)),
        (_MMAP, (_Argument(2, _PROT_EXEC, 0), _Argument(3, _MAP_ANONYMOUS, _MAP_ANONYMOUS))),
        (_MPROTECT, (_Argument(2, _PROT_EXEC, 0),)),
        (_TGKILL, (_Argument(0, whole, pid), _Argument(2, whole, _SIGABRT))),
    ]
    if rehearsal:
        checked += [(_PRCTL, (_Argument(0, whole, _PR_SET_SECCOMP),)), (_CLOSE, ())]
    program = _entry()
    for number, arguments in checked:
        program += _rule_with_arguments(number, arguments)
    program += _rules(_PLAIN.values(), _ALLOW)
    program += _rules(_FATAL.values(), _REFUSE if rehearsal else _KILL_PROCESS)
    program.append((_RETURN, 0, 0, _REFUSE))
    return tuple(program)


def without_sockets() -> tuple[Instruction, ...]:
    """Return a program that lets a process do anything but make a socket, or a ring that could make one for it."""
    return (
        *_entry(),
        *_rules((_SOCKET, _FATAL["io_uring_setup"]), _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )


def tcp_sockets_only() -> tuple[Instruction, ...]:
    """Return a program that lets a process do anything but make a socket other than TCP's, or a ring that could.

    Those of other families reach what no rule of Landlock names: an agent's socket by its path, a name server by
    datagrams. Multipath TCP is another protocol to Landlock. Pairs of connected sockets stay: they reach nobody.
    """
    refuse = (_RETURN, 0, 0, _REFUSE)
    decided = [
        (_LOAD_WORD, 0, 0, _OFFSET_ARGS),
        (_JUMP_EQUAL, 2, 0, _AF_INET),
        (_JUMP_EQUAL, 1, 0, _AF_INET6),
        refuse,
        (_LOAD_WORD, 0, 0, _OFFSET_ARGS + 8),
        (_AND, 0, 0, _SOCKET_KIND),
        (_JUMP_EQUAL, 1, 0, _SOCK_STREAM),
        refuse,
        (_LOAD_WORD, 0, 0, _OFFSET_ARGS + 16),
        (_JUMP_EQUAL, 2, 0, 0),
        (_JUMP_EQUAL, 1, 0, _IPPROTO_TCP),
        refuse,
        (_RETURN, 0, 0, _ALLOW),
    ]
    return (
        *_entry(),
        *_rules((_FATAL["io_uring_setup"],), _REFUSE),
        (_JUMP_EQUAL, 0, len(decided), _SOCKET),
        *decided,
        (_RETURN, 0, 0, _ALLOW),
    )


def encode(program: Iterable[Instruction]) -> bytes:
    """Return the program as an array of struct sock_filter."""
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _entry() -> list[Instruction]:
    """Return what kills a call of another architecture, and leaves the call's number in the accumulator."""
    return [
        (_LOAD_WORD, 0, 0, _OFFSET_ARCH),
        (_JUMP_EQUAL, 1, 0, _ARCH_X86_64),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD_WORD, 0, 0, _OFFSET_NR),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL_PROCESS),
    ]


def _rules(numbers: Iterable[int], action: int) -> list[Instruction]:
    rules: list[Instruction] = []
    for number in numbers:
        rules += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]
    return rules


def _rule_with_arguments(number: int, arguments: tuple[_Argument, ...]) -> list[Instruction]:
    """Return a block that decides `number` alone; the accumulator holds the call number before and after."""
    body: list[Instruction] = []
    for argument in arguments:
        body += [
            (_LOAD_WORD, 0, 0, _OFFSET_ARGS + 8 * argument.index),
            (_AND, 0, 0, argument.mask),
            (_JUMP_EQUAL, 1, 0, argument.value),
            (_RETURN, 0, 0, _REFUSE),
        ]
    body.append((_RETURN, 0, 0, _ALLOW))
    return [(_JUMP_EQUAL, 0, len(body), number), *body]
