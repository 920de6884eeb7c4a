"""The zygote: exec'd clean, it imports everything once and forks a confined child for each session.

Speaks over one inherited socket. It never sees a strategy or a bar: those go to the child alone.
"""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from autarch.numerics import is_pinned
from autarch.sandbox import kernel, namespaces, pages, stillclock
from autarch.sandbox.control import (
    FAILED_EXIT,
    FORK,
    HELLO_HEADER,
    MEMORY_EXIT,
    REPLY,
    REQUEST,
    Birth,
    Hello,
    encode_hello,
    running_code,
)
from autarch.sandbox.doors import open_handles


def main(argv: list[str]) -> int:
    """Serve until the evaluator closes its end or dies.

    Args:
        argv: The control socket's descriptor, the evaluator's process id, the clock's shift in seconds,
            and what `running_code` gave the evaluator.
    """
    gc.disable()  # what is imported is no garbage, and looking for some takes a tenth of the time
    control = socket.socket(fileno=int(argv[0]))
    null = os.open(os.devnull, os.O_RDWR)  # now: later there is no file
    hello, memory = _prepare(clock_shift_s=int(argv[2]), code_of_evaluator=argv[3:])
    content = encode_hello(hello)
    control.sendall(HELLO_HEADER.pack(len(content)) + content)
    if not hello.error:
        _close_standard_streams(null)
        gc.collect()
        gc.enable()
        gc.freeze()  # so that no child's collector touches, and thereby copies, the shared pages
        _serve(control, evaluator=int(argv[1]), apart=not hello.processes, memory=memory)
    return 1 if hello.error else 0


def _prepare(*, clock_shift_s: int, code_of_evaluator: list[str]) -> tuple[Hello, list[int]]:
    """Import, and leave the host; return what to say of it, and the memory that children will share."""
    digest, error = "", ""
    try:
        _require_same_code(code_of_evaluator)
        digest = importlib.import_module("autarch.sandbox.preload").preload()
        importlib.import_module("autarch.sandbox.child")
        importlib.import_module("autarch.sandbox.confine")
    except Exception:  # noqa: BLE001  the evaluator shows it
        error = traceback.format_exc(limit=0)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # the kernel kills us before the gate
    pinned, memory = is_pinned(), pages.own_memory()
    _forget_environment()
    hello = Hello(
        error=error,
        pinned=pinned,
        numerics=digest,
        clock=_stop_clock(clock_shift_s),
        addresses="" if kernel.addresses_are_fixed() else "the kernel still draws them for each run",
        host=_without(namespaces.leave_host),
        processes=_without(_try_fork_apart),
        root=_without(namespaces.empty_root),
    )
    return hello, memory


def _forget_environment() -> None:
    """Clear the variables, and the bytes of them that exec put on the stack, which /proc shows of every child."""
    os.environ.clear()
    with suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        begin, end = int(fields[47]), int(fields[48])  # env_start and env_end, counted from the state, which is 0
        ctypes.memset(begin, 0, end - begin)


def _require_same_code(told: list[str]) -> None:
    here = running_code()
    if told[:1] != here[:1]:
        package = "".join(told[:1])
        raise ImportError(f"it imported {here[0]} instead of {package}; set PYTHONPATH={Path(package).parent}")
    if told != here:
        raise ImportError("the code was edited while the evaluator ran, and the two may not speak alike; run again")


def _stop_clock(shift_s: int) -> str:
    try:
        return stillclock.stop_clock(shift_s=shift_s)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        return f"cannot be stopped here: {error}"


def _without(leave: Callable[[], str]) -> str:
    """Return why a wanted wall is not there, "" when it is."""
    try:
        return leave()
    except (OSError, AttributeError) as error:
        return str(error) or "not on this system"


def _try_fork_apart() -> str:
    pid = namespaces.fork_apart()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return ""


def _close_standard_streams(null: int) -> None:
    # stderr carried a failing start; from here on nobody reads it.
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _serve(control: socket.socket, *, evaluator: int, apart: bool, memory: list[int]) -> None:
    watched = select.poll()
    watched.register(control, select.POLLIN)
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            watched.register(os.pidfd_open(evaluator), select.POLLIN)  # ready when the evaluator is dead
    sibling, handles = _sibling(), open_handles()
    while os.getppid() == evaluator:
        while memory and not watched.poll(0):  # nobody waits for us yet
            pages.join(memory.pop())
        watched.poll()
        if os.getppid() != evaluator:
            return
        message, fds, _, _ = socket.recv_fds(control, REQUEST.size, 2)
        if len(message) != REQUEST.size:
            return
        operation, first, second = REQUEST.unpack(message)
        if operation == FORK:
            birth = Birth(
                parent=0 if apart else os.getpid(),
                zygote=os.getpid(),
                sibling=sibling,
                handles=handles,
                address_space_bytes=first,
                cpu_seconds=second,
            )
            control.sendall(REPLY.pack(_fork(fds, birth), 0, 0))
        else:
            control.sendall(REPLY.pack(*_reap(first)))


def _sibling() -> int:
    """Fork a process that only waits, so that every child can try to signal it; return its number, or 0."""
    zygote = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        kernel.close_all_but(())
        kernel.die_with_parent(signal.SIGKILL)
        while os.getppid() == zygote:
            signal.pause()
        os._exit(0)
    return pid


def _fork(fds: list[int], birth: Birth) -> int:
    """Fork one child that confines itself and serves; return its process id, or -errno."""
    pid = -1
    try:
        if birth.is_apart:
            importlib.import_module("autarch.sandbox.confine").prepare(*fds)
            with suppress(OSError):  # used up for the moment; the evaluator judges whether this child may do without
                pid = namespaces.fork_apart()
        if pid < 0:
            birth = dataclasses.replace(birth, parent=birth.zygote)
            pid = os.fork()
    except OSError as error:
        pid = -(error.errno or 1)
    if pid == 0:
        _be_child(fds, birth)
    for fd in fds:
        os.close(fd)
    return pid


def _be_child(fds: list[int], birth: Birth) -> NoReturn:
    status = FAILED_EXIT
    try:
        child = importlib.import_module("autarch.sandbox.child")
        confine = importlib.import_module("autarch.sandbox.confine").confine
        request_fd, answer_fd = fds
        ready = confine(request_fd=request_fd, answer_fd=answer_fd, birth=birth)
        child.write_frame(answer_fd, child.protocol.encode_ready(ready))
        try:
            child.serve(request_fd=request_fd, answer_fd=answer_fd)
            status = 0
        except MemoryError:
            status = MEMORY_EXIT
    finally:
        os._exit(status)


def _reap(pid: int) -> tuple[int, int, int]:
    """Return a dead child's wait status, largest resident size in KiB and processor time in microseconds."""
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_maxrss, int(1e6 * (usage.ru_utime + usage.ru_stime))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the evaluator's to handle; it closes our socket
    os._exit(main(sys.argv[1:]))  # at once: there is nothing to tidy, and libraries take long to unload
