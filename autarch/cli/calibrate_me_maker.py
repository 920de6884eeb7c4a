"""Have practice pull requests made by a process beside, so that a reader waits for the first alone."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from autarch.cli.telling import tell
from autarch.errors import UndecidedError

POLL_S = 0.1
TOLD_EVERY_S = 5.0
END_S = 10.0
LOG = "make.log"


class Maker:
    """`autarch calibrate-me --make-only` in a process beside, ended with this one.

    Args:
        shelf: Where cases are put.
        seed: Of the cases.
        allow_weak: Passed on.
    """

    def __init__(self, *, shelf: Any, seed: int, allow_weak: bool) -> None:
        self._shelf = shelf
        self._command = [sys.executable, "-m", "autarch", "calibrate-me", "--make-only", "--seed", str(seed)]
        self._command += ["--local-dev"] if allow_weak else []
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start nothing yet: all may be there."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process; what it was at is made anew another time."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)  # it ends its workers and removes its bars
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self, number: int) -> Any:
        """Return a case as soon as it is made.

        Raises:
            UndecidedError: it cannot be made.
        """
        case = self._shelf.case(number)
        if self._process is None and not self._shelf.is_whole:
            self._start()
        began = told = time.monotonic()
        while case is None:
            ended = self._process is not None and self._process.poll() is not None
            case = self._shelf.case(number)
            if case is None and ended:
                raise UndecidedError(f"pull request {number} could not be made: {self._last_words()}")
            now = time.monotonic()
            if now - told >= TOLD_EVERY_S:
                told = now
                tell(f"making pull request {number}, {now - began:.0f} s so far")
            if case is None:
                time.sleep(POLL_S)
        return case

    def _start(self) -> None:
        with (self._shelf.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _last_words(self) -> str:
        said = (self._shelf.folder / LOG).read_text("utf-8", "replace").strip().splitlines()
        return said[-1] if said else "it said nothing"
