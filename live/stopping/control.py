"""The control socket of a running executor: a unix socket in the host folder, for its owner (and root) alone.

One connection is one command. Everything is bounded: connections at a time, a line's length, how long to wait for
it, and how long an answer may take. The server only carries; the executor alone acts.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from autarch.errors import ConfigError, UndecidedError, UsageError
from live.stopping.commands import (
    ANSWER_BYTES_MAX,
    LINE_BYTES_MAX,
    Answer,
    Asked,
    Command,
    answer_bytes,
    command_bytes,
    parse_answer,
    parse_command,
)

CONNECTIONS_MAX = 8
LINE_WAIT_S = 5.0
ANSWER_WAIT_S = 30.0
BACKLOG = 8
_PEER = struct.Struct("3i")  # pid, uid, gid; unix(7), SO_PEERCRED

Inbox = Callable[[Asked], None]


@asynccontextmanager
async def control_socket(path: Path, inbox: Inbox, *, answer_wait_s: float = ANSWER_WAIT_S) -> AsyncIterator[None]:
    """Listen at `path` as long as the block runs, and hand every command to `inbox`, which returns at once.

    The folder must exist. A socket left there by an executor that died is replaced: whoever holds the journal's lock
    is the only one.

    Raises:
        ConfigError: the socket cannot be made.
    """
    door = _Door(path, inbox, answer_wait_s)
    try:
        listening = _bound(path)
    except OSError as error:
        raise ConfigError(
            f"cannot make the control socket {path}: {error.strerror}; check the folder's owner and mode"
        ) from error
    server = await asyncio.start_unix_server(door.serve, sock=listening, limit=LINE_BYTES_MAX, backlog=BACKLOG)
    try:
        yield
    finally:
        server.close()
        door.close()


class _Door:
    """Serves connections, few at a time."""

    def __init__(self, path: Path, inbox: Inbox, answer_wait_s: float) -> None:
        self._path = path
        self._inbox = inbox
        self._answer_wait_s = answer_wait_s
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Give up whoever still waits, and the socket."""
        for task in self._tasks:
            task.cancel()
        self._path.unlink(missing_ok=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a callback of the server always runs in a task
        busy = len(self._tasks) >= CONNECTIONS_MAX
        self._tasks.add(task)
        try:
            answer = (
                Answer(ok=False, text="too many ask at once; try again") if busy else await self._ask(reader, writer)
            )
            writer.write(answer_bytes(answer))
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass  # whoever asked has gone, or we have
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        pid, uid, _ = _peer(writer)
        if uid not in {os.getuid(), 0}:
            return Answer(ok=False, text=f"uid {uid} may not ask; expected uid {os.getuid()} or root")
        try:
            async with asyncio.timeout(LINE_WAIT_S):
                command = parse_command(await reader.readline())
        except UsageError as error:
            return Answer(ok=False, text=str(error))
        except ValueError:
            return Answer(ok=False, text=f"a command has at most {LINE_BYTES_MAX} bytes")
        except TimeoutError:
            return Answer(ok=False, text=f"no command came within {LINE_WAIT_S:g} s")
        return await self._answered(command, who=f"uid {uid}, process {pid}")

    async def _answered(self, command: Command, *, who: str) -> Answer:
        asked = Asked(command=command, who=who, reply=asyncio.get_running_loop().create_future())
        self._inbox(asked)
        try:
            async with asyncio.timeout(self._answer_wait_s):
                return await asked.reply
        except TimeoutError:
            return Answer(
                ok=False,
                text=f"the executor has taken the command and not answered within {self._answer_wait_s:g} s; ask for "
                "its status, or kill it",
            )


def ask(path: Path, command: Command, *, wait_s: float = ANSWER_WAIT_S + LINE_WAIT_S) -> Answer:
    """Ask the executor that listens at `path`, and wait for its answer.

    Raises:
        ConfigError: nobody listens there.
        UndecidedError: somebody does and does not answer: whether the command took effect is not known.
        UsageError: the answer is none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(wait_s)
        try:
            _at(path, line.connect)
        except OSError as error:
            raise ConfigError(
                f"no executor listens at {path} ({error.strerror}); `autarch live status` says what ran last"
            ) from error
        try:
            line.sendall(command_bytes(command))
            return parse_answer(_received(line))
        except OSError as error:
            raise UndecidedError(
                f"the executor at {path} does not answer ({error}); it may hang: `autarch live kill` works all the same"
            ) from error


def _received(line: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n") and len(found) <= ANSWER_BYTES_MAX:
        part = line.recv(65536)
        if not part:
            break
        found += part
    return found


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _at(path, listening.bind)
        path.chmod(0o600)  # before it listens: nobody can have come in
    except OSError:
        listening.close()
        raise
    return listening


def _at(path: Path, use: Callable[[str], None]) -> None:
    """Use a socket's path, which may be longer than the 107 bytes of unix(7): by its folder's descriptor."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int, int]:
    line = writer.get_extra_info("socket")
    pid, uid, gid = _PEER.unpack(line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, uid, gid
