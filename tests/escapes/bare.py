"""A host that stops nothing: it forks a child for each snippet and lets it run in full possession of this machine.

`python -P bare.py <socket descriptor>`; questions and answers are length-prefixed JSON. It is what proves that the
snippets do harm, and is never given anything but the corpus, whose harm is kept to what a test made.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

PR_SET_CHILD_SUBREAPER = 36
SECONDS, ANSWER_BYTES_MAX = 20.0, 1 << 20
HEADER = struct.Struct("<I")

BarsOf = Callable[[], object]
Loader = Callable[[bytes], Callable[[object, object], Any]]


def main(argv: list[str]) -> int:
    """Serve until the other side closes the socket."""
    control = socket.socket(fileno=int(argv[0]))
    importlib.import_module("autarch.sandbox.preload").preload()
    for name in ("socket", "ctypes", "threading", "subprocess"):
        importlib.import_module(name)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # crashes are part of the corpus; their images are not
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # so that whoever is left behind is found
    reply(control, {"pid": os.getpid()})
    while (question := ask(control)) is not None:
        reply(control, run(question, control))
    return 0


def run(question: dict[str, Any], control: socket.socket) -> dict[str, Any]:
    """Fork, run, wait, and end whatever is still there."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        control.close()
        answer(write, question)
    os.close(write)
    said, deadline = b"", time.monotonic() + (question["seconds"] or SECONDS)
    ended = "hang"
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([read], [], [], left)[0]:
            break
        part = os.read(read, 1 << 16)
        said += part
        if not part or len(said) > ANSWER_BYTES_MAX:
            ended = "garbage" if part else "answered"
            break
    os.close(read)
    while ended == "answered" and time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG)[0] == 0:
        time.sleep(0.001)  # another program may run in its place
    end_all()
    try:
        return {"ended": ended, **(json.loads(said) if ended == "answered" else {})}
    except ValueError:
        return {"ended": "garbage"}


def answer(write: int, question: dict[str, Any]) -> NoReturn:
    """Load the source and ask it, as an evaluator would that lives in one process with its strategies."""
    try:
        decide = loader()(question["code"].encode("latin-1"))
        rows = [np.asarray(decide(bars(question), params()).exposure).tolist() for _ in range(question["calls"])]
        said = {"rows": rows}
    except BaseException as error:  # noqa: BLE001  whatever a snippet raises is an answer
        said = {"error": f"{type(error).__name__}: {error}"}
    os.write(write, json.dumps(said).encode())
    os._exit(0)


def loader() -> Loader:
    """Return what makes a `decide` of source bytes, with the few builtins that strategies have."""
    load: Loader = importlib.import_module("autarch.sandbox.child")._load
    return load


def bars(question: dict[str, Any]) -> object:
    """Return bars whose columns are views on longer arrays: the rows behind them are the future."""
    n, contract = question["n_rows"], importlib.import_module("autarch.strategy.contract")
    columns = {}
    for name in (*contract.COLUMNS, *contract.CALENDAR):
        whole = np.full(n + 64, question["future"])
        whole[:n] = np.arange(1.0, n + 1.0)
        columns[name] = whole[:n]
    return contract.Bars.of_named(
        columns, n_bars=n, first_bar=0, interval_ms=900_000, context=MappingProxyType({})
    )  # fmt: skip


def params() -> object:
    """Return the parameters of the corpus's manifest."""
    return importlib.import_module("autarch.strategy.contract").Params({"fast": 20})


def end_all() -> None:
    """End the child and all that came of it: this process is their subreaper."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                for pid in children():
                    os.kill(pid, signal.SIGKILL)
        except ChildProcessError:
            return


def children() -> list[int]:
    """Return the process ids whose parent this process is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.append(int(path.parent.name))
    return found


def ask(control: socket.socket) -> dict[str, Any] | None:
    """Return the next question, or None at the end."""
    header = control.recv(HEADER.size, socket.MSG_WAITALL)
    if len(header) != HEADER.size:
        return None
    found: dict[str, Any] = json.loads(control.recv(HEADER.unpack(header)[0], socket.MSG_WAITALL))
    return found


def reply(control: socket.socket, said: dict[str, Any]) -> None:
    """Send one answer."""
    content = json.dumps(said).encode()
    control.sendall(HEADER.pack(len(content)) + content)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
