"""Start an agent's program in an enclosure, or beside it where the caller insists, and end it with all it began."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agents.ports import UNCONFINED
from autarch.errors import ConfigError, SandboxError
from autarch.sandbox import enclosure, room

SYSTEM_READS = (
    *("/usr", "/bin", "/lib", "/lib64", "/sbin", "/proc", "/sys/devices/system/cpu", "/sys/fs/cgroup"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/etc/alternatives", "/etc/hosts", "/etc/nsswitch.conf"),
    *("/dev/urandom", "/dev/random"),
)
WRITES = ("/dev/null", "/dev/tty")
OUTPUT_BYTES_MAX = 32 << 20
END_SECONDS = 5.0
ROOM_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One program to run.

    Attributes:
        command: With its arguments.
        environment: All of it.
        cwd: Where it begins: the worktree.
        reads: Paths it may read beside the system's.
        writes: Folders and files it may change.
        seconds: Then it is ended.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    cwd: Path
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How it went. `code` None: it was ended after its seconds. `confinement` says in words what held it."""

    code: int | None
    output: bytes
    told: str
    confinement: str


def lacking() -> str | None:
    """Return why no agent can be confined here, or None."""
    return enclosure.lacking()


def find_program(name: str) -> Path:
    """Return the program's path.

    Raises:
        ConfigError: it is not on PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise ConfigError(f"there is no program {name!r} on PATH; install it, or choose another recipe")
    return Path(found)


@contextmanager
def port_of_our_own() -> Iterator[socket.socket]:
    """Give a listening socket on a free port of the host's loopback, for where there is no network of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((room.LOOPBACK, 0))
        listener.listen(64)
        yield listener


def run(
    make: Callable[[int], Errand], serve: Callable[[socket.socket], None], *, unconfined: bool, folder: Path
) -> Ran:
    """Run what `make` returns for a port, while `serve` answers on the socket that listens there.

    Args:
        make: Given the port, returns the program.
        serve: Given the listening socket, begins to answer; called once, before the program can call.
        unconfined: Run it with the caller's own rights and network.
        folder: An empty folder of ours, which the program cannot see.

    Raises:
        SandboxError: it cannot be confined here, and `unconfined` is False.
    """
    with port_of_our_own() as listener:
        port = int(listener.getsockname()[1])
        errand = make(port)
        if unconfined:
            serve(listener.dup())
            return _watched(errand.command, errand, folder, confinement=UNCONFINED)
        problem = lacking()
        if problem is not None:
            raise SandboxError(
                f"a command-line agent cannot be confined on this host: {problem}. With --unconfined it runs with your "
                "own rights, keys and network, and every proposal of it says so"
            )
        inside, outside = socket.socketpair()
        with inside, outside:
            order = enclosure.Order(
                command=errand.command,
                environment=dict(errand.environment),
                reads=(*SYSTEM_READS, *errand.reads),
                writes=(*WRITES, *errand.writes),
                port=port,
                room_fd=outside.fileno(),
            )
            (folder / "order.json").write_bytes(msgspec.json.encode(order))
            command = (sys.executable, "-P", "-m", "autarch.sandbox.enclosure", str(folder / "order.json"))
            return _watched(command, errand, folder, confinement="", room_of=(inside, outside, listener, serve))


_RoomOf = tuple[socket.socket, socket.socket, socket.socket, Callable[[socket.socket], None]]


def _watched(
    command: tuple[str, ...], errand: Errand, folder: Path, *, confinement: str, room_of: _RoomOf | None = None
) -> Ran:
    caged = room_of is not None
    with (folder / "output").open("wb") as output, (folder / "told").open("wb") as told:
        running = subprocess.Popen(
            command,
            cwd=errand.cwd,
            env=_own_environment() if caged else dict(errand.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=told,
            start_new_session=True,
            pass_fds=() if room_of is None else (room_of[1].fileno(),),
        )
        try:
            if room_of is not None:
                confinement = _furnish(room_of)
            code = _awaited(running, errand.seconds, folder / "output")
        finally:
            _end(running, caged=caged)
    return Ran(
        code=code,
        output=_beginning(folder / "output"),
        told=_beginning(folder / "told")[-4_096:].decode("utf-8", "replace"),
        confinement=confinement,
    )


def _furnish(room_of: _RoomOf) -> str:
    """Wait for the listening socket out of the program's own network, and say in words what holds it."""
    inside, outside, listener, serve = room_of
    outside.close()
    inside.settimeout(ROOM_SECONDS)
    try:
        found, problem = room.receive(inside)
    except OSError as error:
        raise SandboxError(f"the enclosure ended before the program began: {error}") from error
    serve(found if found is not None else listener.dup())
    if found is not None:
        return "landlock, seccomp, own network"
    return f"landlock, seccomp, one port of any host (no own network: {problem})"


def _awaited(running: subprocess.Popen[bytes], seconds: float, output: Path) -> int | None:
    """Return the exit code, or None where its time or its output ran over."""
    step, waited = 0.2, 0.0
    while waited < seconds:
        try:
            return running.wait(step)
        except subprocess.TimeoutExpired:
            waited += step
        if output.stat().st_size > OUTPUT_BYTES_MAX:
            return None
    return None


def _end(running: subprocess.Popen[bytes], *, caged: bool) -> None:
    """End the program: the enclosure ends all its descendants; without one, its whole session is ended."""
    if not caged:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGTERM)
    elif running.poll() is None:
        running.terminate()
    try:
        running.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _own_environment() -> dict[str, str]:
    """Return what the enclosure's own interpreter needs; the program is given its own."""
    kept = ("PATH", "PYTHONPATH", "LANG", "LC_ALL")
    root = str(Path(__file__).resolve().parents[2])
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return {**found, "PYTHONPATH": os.pathsep.join(filter(None, (root, found.get("PYTHONPATH", ""))))}


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(OUTPUT_BYTES_MAX)


@contextmanager
def rooms(parent: Path) -> Iterator[tuple[Path, Path]]:
    """Give two fresh folders, both removed afterwards: one of ours, and one the agent works in."""
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=parent) as ours, tempfile.TemporaryDirectory(dir=parent) as theirs:
        yield Path(ours).resolve(), Path(theirs).resolve()
