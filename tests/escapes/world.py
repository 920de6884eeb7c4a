"""A small world to do harm in, made of things that only tests own, and what is found of it afterwards."""

from __future__ import annotations

import ctypes
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .sources import FUTURE

ADDRESS_SPACE_BYTES = 700 << 20
"""Memory a child may map; snippets try for 900 MiB, which is bearable where nothing stops them."""

_KEEPER = """
import ctypes, os
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)  # may be traced, where Yama asks
held = ctypes.create_string_buffer(os.environ["KEEPER_SECRET"].encode())
print(ctypes.addressof(held), flush=True)
while os.read(0, 1):
    os.write(1, b"!")
"""


class Neighbour:
    """Another process of this user, holding a secret in its memory and environment, as an executor holds its key."""

    def __init__(self, secret: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"KEEPER_SECRET": secret},
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._asks, self._hears = self.process.stdin, self.process.stdout
        self.address = int(self._hears.readline())

    def is_well(self) -> bool:
        """Return whether it answers.

        Its state says too little: a signal that was sent is not yet one that was felt, but who was killed or stopped
        runs no line of its own before.
        """
        with suppress(BrokenPipeError):
            os.write(self._asks.fileno(), b"?")
        while not select.select([self._hears], [], [], 0.01)[0]:
            status = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
            if status.rpartition(")")[2].split()[0] in {"T", "t"}:
                return False
        return os.read(self._hears.fileno(), 1) == b"!"

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._asks.close()
        self._hears.close()


def moments(now_s: int) -> tuple[str, ...]:
    """Return how dates and counts of seconds since the epoch are written that the last hundred seconds may have shown.

    Eight digits: of fewer, some number that a snippet draws or finds would hold them by chance.
    """
    written = [(time.strftime("%Y-%m-%d", time.gmtime(at)), str(at)[:8]) for at in (now_s, now_s - 100)]
    return tuple(word for words in written for word in words)


class World:
    """Files, listeners, a neighbour and secrets; `names` is what a snippet is told of them."""

    def __init__(self, folder: Path) -> None:
        self.proof, self.canary_text, self.secret = (secrets.token_hex(8) for _ in range(3))
        self.canary, self.keyfile, self.drop = folder / "canary.txt", folder / "id_ed25519", folder / "drop"
        self.drop.mkdir()
        self.canary.write_text(self.canary_text, encoding="ascii")
        self.keyfile.write_text(self.secret, encoding="ascii")
        os.environ["AUTARCH_ESCAPE_SECRET"] = self.secret
        self._held = ctypes.create_string_buffer(self.secret.encode("ascii"))  # in our own memory too
        self._tcp, self._udp = _one_port()
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(folder / "socket"))
        self._unix.listen()
        self._listeners = (self._tcp, self._udp, self._unix)
        for listener in self._listeners:
            listener.setblocking(False)
        self._neighbour = Neighbour(self.secret)

    def close(self) -> None:
        """Take the world down."""
        os.environ.pop("AUTARCH_ESCAPE_SECRET", None)
        self._neighbour.close()
        for listener in self._listeners:
            listener.close()

    def names(self, *, parent: int) -> Mapping[str, object]:
        """Return what a snippet is told; `parent` started the process it runs in."""
        return {
            "CANARY": str(self.canary),
            "DROP": str(self.drop),
            "KEYFILE": str(self.keyfile),
            "HOST": "127.0.0.1",
            "PORT": self._tcp.getsockname()[1],
            "SOCKET": self._unix.getsockname(),
            "NEIGHBOUR": self._neighbour.process.pid,
            "ADDRESS": self._neighbour.address,
            "PARENT": parent,
            "PROOF": self.proof,
        }

    def harms(self, leaked: bytes) -> tuple[str, ...]:
        """Return what has come of a run that answered with `leaked`, and mend the world for the next."""
        found = [
            harm
            for harm, words in (
                ("read", (self.canary_text,)),
                ("secret", (self.secret,)),
                ("future", (str(FUTURE),)),
                ("clock", moments(time.time_ns() // 10**9)),
                ("inside", (self.proof,)),
            )
            if any(word.encode("ascii") in leaked for word in words)
        ]
        found += ["write"] * self._was_written()
        found += ["connect"] * self._was_touched()
        found += ["neighbour"] * self._neighbour_fell()
        return tuple(found)

    def _was_written(self) -> bool:
        changed = not self.canary.is_file() or self.canary.read_text(encoding="utf-8") != self.canary_text
        changed = changed or bool(self.canary.stat().st_mode & 0o111)
        dropped = list(self.drop.iterdir())
        for path in dropped:
            path.unlink()
        if changed:
            self.canary.unlink(missing_ok=True)
            self.canary.write_text(self.canary_text, encoding="ascii")
        return changed or bool(dropped)

    def _was_touched(self) -> bool:
        touched = False
        for listener in self._listeners:
            with suppress(BlockingIOError):
                while True:
                    if listener is self._udp:
                        listener.recv(64)
                    else:
                        listener.accept()[0].close()
                    touched = True
        return touched

    def _neighbour_fell(self) -> bool:
        if self._neighbour.is_well():
            return False
        with suppress(ProcessLookupError):
            os.kill(self._neighbour.process.pid, signal.SIGCONT)
        self._neighbour.close()
        self._neighbour = Neighbour(self.secret)
        return True


def _one_port() -> tuple[socket.socket, socket.socket]:
    """Return a TCP listener and a UDP socket on the same free port of this host."""
    while True:
        tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # somebody else has the port for UDP
            tcp.close()
            udp.close()
        else:
            return tcp, udp
