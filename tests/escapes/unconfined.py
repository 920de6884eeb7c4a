"""Run snippets where nothing stops them, to see that each does the harm it is kept for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from .bare import HEADER
from .confined import Ran
from .snippets import Snippet
from .sources import FUTURE, N_ROWS, as_run, leaked
from .world import World

HANG_SECONDS, ANSWER_SECONDS = 0.4, 60.0


class Host:
    """One process of `bare.py`."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._read = 0
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the host
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("bare.py")), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=self._out,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        ours.settimeout(ANSWER_SECONDS)
        self._control = ours
        self.pid = int(self._receive()["pid"])

    def ask(self, question: dict[str, object]) -> dict[str, object]:
        """Return what came of a run; `{"ended": "gone"}` when the host itself died of it."""
        content = json.dumps(question).encode()
        try:
            self._control.sendall(HEADER.pack(len(content)) + content)
            return self._receive()
        except (ConnectionError, BrokenPipeError):
            return {"ended": "gone"}

    def output(self) -> bytes:
        """Return what was written where people read, since this was asked last."""
        self._out.seek(self._read)
        found = self._out.read()
        self._read += len(found)
        return found

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._out.close()

    def _receive(self) -> dict[str, object]:
        header = self._control.recv(HEADER.size, socket.MSG_WAITALL)
        if len(header) != HEADER.size:
            raise ConnectionError("the host is gone")
        found: dict[str, object] = json.loads(self._control.recv(HEADER.unpack(header)[0], socket.MSG_WAITALL))
        return found


class Unconfined:
    """Hosts that stop nothing; one that dies is replaced."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._hosts = [Host(), Host()]

    def close(self) -> None:
        """End both hosts."""
        for host in self._hosts:
            host.close()

    def run(self, snippet: Snippet) -> Ran:
        """Run `snippet` and return the harm it did."""
        ran, said = self._once(snippet, 0)
        if snippet.harm != "random":
            return ran
        _, again = self._once(snippet, 1)
        return Ran(harms=(*ran.harms, *(["random"] * (said != again))), ended=ran.ended, text=ran.text)

    def _once(self, snippet: Snippet, which: int) -> tuple[Ran, bytes]:
        host = self._hosts[which]
        calls = 2 if snippet.harm == "state" else 1
        source = as_run(snippet, self._world.names(parent=host.pid))
        answer = host.ask(
            {
                "code": source.code.decode("latin-1"),
                "calls": calls,
                "seconds": HANG_SECONDS if snippet.harm == "hang" else 0,
                "n_rows": N_ROWS,
                "future": FUTURE,
            }
        )
        rows = answer.get("rows")
        said = b"".join(leaked(row) for row in rows) if isinstance(rows, list) else b""
        harms = list(self._world.harms(said))
        if snippet.harm == "state":
            harms = ["state" if harm == "inside" else harm for harm in harms]
        ended = str(answer["ended"])
        harms += ["hang"] * (ended == "hang") + ["garbage"] * (ended == "garbage") + ["parent"] * (ended == "gone")
        harms += ["noise"] * (self._world.proof.encode("ascii") in host.output())
        if ended == "gone":
            host.close()
            self._hosts[which] = Host()
        return Ran(harms=tuple(dict.fromkeys(harms)), ended=ended, text=str(answer.get("error", ""))), said
