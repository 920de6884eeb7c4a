"""A network with nothing in it but one listening socket, whose other side is held outside.

A process moves into a network of its own, brings up its loopback, listens there, and hands the listening socket out
over a pipe made for it. Whoever accepts from it answers from the host's network; the process itself has no way there.

Sources: man pages network_namespaces(7), user_namespaces(7), netdevice(7), unix(7).
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

from autarch.sandbox import namespaces

LOOPBACK = "127.0.0.1"
IN_ROOM, ON_HOST = b"room", b"host"
_SET_FLAGS, _UP_AND_RUNNING = 0x8914, 0x1 | 0x40
_BACKLOG = 64


def enter(outside: socket.socket, port: int) -> str:
    """Move into an empty network, listen on `port` of its loopback and send the socket to `outside`.

    Returns "" when done; else why not, which `outside` is told too: then nothing was changed.

    Raises:
        OSError: the empty network could not be furnished.
    """
    identity = os.getuid(), os.getgid()
    problem = namespaces.leave_host()
    if problem:
        outside.sendall(ON_HOST + problem.encode()[:100])
        return problem
    _keep_identity(*identity)
    _bring_up("lo")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
        socket.send_fds(outside, [IN_ROOM], [listener.fileno()])
    return ""


def receive(inside: socket.socket) -> tuple[socket.socket | None, str]:
    """Return the listening socket that `enter` sent and "", or None and why there is no room.

    Raises:
        OSError: the other side ended before it said anything.
    """
    message, handles, _, _ = socket.recv_fds(inside, 128, 1)
    if message == IN_ROOM and handles:
        return socket.socket(fileno=handles[0]), ""
    if message.startswith(ON_HOST):
        return None, message.removeprefix(ON_HOST).decode("utf-8", "replace")
    raise ConnectionError("whoever was to enter the room ended before it did")


def _keep_identity(uid: int, gid: int) -> None:
    """Be the same user in there as out here; without it files would seem to belong to nobody."""
    own = Path("/proc/self")
    if (own / "uid_map").read_text(encoding="ascii").strip():
        return  # no user namespace was needed
    (own / "setgroups").write_text("deny", encoding="ascii")
    (own / "uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    (own / "gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _bring_up(device: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", device.encode(), _UP_AND_RUNNING))
