"""How accounts stand, told line by line by one command that reads on, for as long as somebody looks.

Asking anew each time would verify a whole journal each time.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from autarch.desk.commands import bare_environment, last_line

EVERY_S: Final = 2.0
IDLE_S: Final = 60.0
FIRST_S: Final = 60.0
END_S: Final = 5.0
LINE_BYTES_MAX: Final = 16 * 1024 * 1024

Start = Callable[[], "subprocess.Popen[bytes]"]


def starter(root: Path, environment: dict[str, str]) -> Start:
    """Return what starts `autarch live status --watch --json` in the workspace at `root`."""
    command = [sys.executable, "-P", "-m", "autarch", "live", "status", "--watch", str(EVERY_S), "--json"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=root,
            env=bare_environment(environment, root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


@dataclass(slots=True, kw_only=True)
class LiveFeed:
    """Keeps the newest object; starts when somebody asks, ends when nobody has for a while. `clock`: seconds."""

    start: Start
    clock: Callable[[], float]
    _process: subprocess.Popen[bytes] | None = None
    _newest: dict[str, Any] = field(default_factory=dict)
    _asked: float = 0.0
    _news: threading.Condition = field(default_factory=threading.Condition)

    def newest(self) -> dict[str, Any]:
        """Return how accounts stand, {"problem": a sentence} where that cannot be told."""
        with self._news:
            self._asked = self.clock()
            if self._process is None:
                self._newest = {}
                self._process = self.start()
                threading.Thread(target=self._listen, args=(self._process,), name="desk-live", daemon=True).start()
            self._news.wait_for(lambda: bool(self._newest), timeout=FIRST_S)
            return self._newest or {"problem": "accounts are still being read; load this page again"}

    def close(self) -> None:
        """End the command."""
        with self._news:
            process, self._process = self._process, None
        if process is not None:
            _end(process)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        told, has_ended = process.stdout, True
        while told is not None and (line := told.readline(LINE_BYTES_MAX)):
            with self._news:
                self._newest = _object(line)
                self._news.notify_all()
                if self.clock() - self._asked > IDLE_S:
                    has_ended = False
                    break
        said = b"" if process.stderr is None or not has_ended else process.stderr.read(65_536)
        _end(process)
        with self._news:
            if said or not self._newest:
                self._newest = {"problem": last_line(said) or "autarch live status has ended"}
            if self._process is process:
                self._process = None
            self._news.notify_all()


def _object(line: bytes) -> dict[str, Any]:
    try:
        found: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = None
    return found if isinstance(found, dict) else {"problem": "autarch live status told something that is no object"}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(END_S)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
