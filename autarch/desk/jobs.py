"""Pages that take a while are made beside the server, each once; the browser asks again until they are there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from autarch.errors import AutarchError

RUNNING_MAX: Final = 2
FILES_MAX: Final = 50


@dataclass(slots=True, kw_only=True)
class Jobs:
    """Makes files in a folder of the cache, at most `RUNNING_MAX` at a time; only the newest are kept."""

    folder: Path
    _running: set[str] = field(default_factory=set)
    _failed: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def made(self, name: str) -> Path | None:
        """Return the file of a job that has ended well."""
        path = self.folder / f"{name}.html"
        return path if path.is_file() else None

    def state(self, name: str) -> str:
        """Return made, running, waiting, or why it failed; a failure is told once, then tried again."""
        with self._lock:
            if name in self._running:
                return "running"
            if name in self._failed:
                return self._failed.pop(name)
            return "made" if self.made(name) is not None else "waiting"

    def begin(self, name: str, make: Callable[[Path], None]) -> bool:
        """Begin a job unless it runs; False where too many do."""
        with self._lock:
            if name in self._running:
                return True
            if len(self._running) >= RUNNING_MAX:
                return False
            self._running.add(name)
        threading.Thread(target=self._work, args=(name, make), name=f"desk-{name}", daemon=True).start()
        return True

    def _work(self, name: str, make: Callable[[Path], None]) -> None:
        path = self.folder / f"{name}.html"
        unfinished = path.with_suffix(".part")
        try:
            make(unfinished)
            unfinished.replace(path)
            self._prune()
        except (AutarchError, OSError) as error:
            self._failed[name] = f"failed: {error}"
            unfinished.unlink(missing_ok=True)
        finally:
            with self._lock:
                self._running.discard(name)

    def _prune(self) -> None:
        files = sorted(self.folder.glob("*.html"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-FILES_MAX]:
            path.unlink(missing_ok=True)
