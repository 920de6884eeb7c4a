"""What the desk asks of other commands: each prints one JSON object, or says why it cannot.

A fixed list: nothing here can trade, judge, waive or tag. Children get no credential of ours that trades.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from autarch.errors import UndecidedError

READ_S: Final = 60.0
MAKE_S: Final = 600.0
DRIFT_KEEP_S: Final = 60.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_SECRETS: Final = ("CREDENTIALS_DIRECTORY", "BYBIT_", "AUTARCH_TRADE_", "AUTARCH_KILL_")

Run = Callable[[Sequence[str], float], tuple[int, bytes, bytes]]
"""Runs `autarch` with arguments for at most so many seconds: exit code, stdout, stderr."""


def runner(root: Path) -> Run:
    """Return what runs `autarch` in the workspace at `root`."""

    def run(arguments: Sequence[str], timeout_s: float) -> tuple[int, bytes, bytes]:
        command = [sys.executable, "-P", "-m", "autarch", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=root,
                env=bare_environment(os.environ, root),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return 3, b"", f"autarch {arguments[0]} took longer than {timeout_s:.0f} s".encode()
        return done.returncode, done.stdout[:ANSWER_BYTES_MAX], done.stderr

    return run


def bare_environment(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the environment for a child: without what could be a key of an exchange, in this workspace."""
    kept = {key: value for key, value in environment.items() if not key.startswith(_SECRETS)}
    return {**kept, "AUTARCH_WORKSPACE": str(root)}


@dataclass(slots=True, kw_only=True)
class Commands:
    """Asks commands and remembers each answer for a while; `clock` is monotonic seconds."""

    run: Run
    clock: Callable[[], float]
    _kept: dict[tuple[str, ...], tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _beside: set[tuple[str, ...]] = field(default_factory=set)
    _locks: dict[tuple[str, ...], threading.Lock] = field(default_factory=dict)

    def leaderboard(self) -> dict[str, Any]:
        """Return what strategies have earned and what was rejected."""
        return self._ask("leaderboard", "--json", keep_s=20.0)

    def ledger(self) -> dict[str, Any]:
        """Return every entry of the ledger."""
        return self._ask("ledger", "ls", "--json", keep_s=20.0)

    def drift(self, account: str) -> dict[str, Any] | None:
        """Return an account beside its paper twin and its bands as last compared; None while that is done beside.

        Playing the twin takes seconds: a page does not wait for it.
        """
        asked = ("live", "drift", "--account", account, "--json")
        kept = self._kept.get(asked)
        if (kept is None or self.clock() >= kept[0]) and asked not in self._beside:
            self._beside.add(asked)
            threading.Thread(target=self._compare_beside, args=(asked,), name="desk-drift", daemon=True).start()
        return None if kept is None else kept[1]

    def why(self, question: str, account: str) -> dict[str, Any]:
        """Return the chain that led to a fill or an order."""
        return self._ask("why", "--account", account, "--json", "--", question, keep_s=60.0)

    def halt(self, account: str, why: str) -> dict[str, Any]:
        """Set an account's halt latch."""
        answer = self._answer(("live", "halt", "--json", "--why", why, "--", account), READ_S)
        self._kept.clear()
        return answer

    def report(self, number: int, out: Path) -> None:
        """Write the report of a pull request.

        Raises:
            UndecidedError: it could not be made.
        """
        self._made(("report", "--out", str(out), "--", str(number)), out)

    def compare(self, one: str, other: str, out: Path) -> None:
        """Write two strategies side by side.

        Raises:
            UndecidedError: they could not be played.
        """
        self._made(("backtest", "--html", str(out), "--compare", one, other), out)

    def _compare_beside(self, asked: tuple[str, ...]) -> None:
        try:
            self._ask(*asked, keep_s=DRIFT_KEEP_S)
        finally:
            self._beside.discard(asked)

    def _made(self, arguments: tuple[str, ...], out: Path) -> None:
        code, _, told = self.run(arguments, MAKE_S)
        if code not in {0, 1} or not out.is_file():
            raise UndecidedError(last_line(told) or f"autarch {arguments[0]} ended with exit code {code}")

    def _ask(self, *arguments: str, keep_s: float) -> dict[str, Any]:
        lock = self._locks.setdefault(arguments, threading.Lock())
        with lock:  # a page that is opened twice asks once
            kept = self._kept.get(arguments)
            if kept is not None and self.clock() < kept[0]:
                return kept[1]
            answer = self._answer(arguments, READ_S)
            self._kept[arguments] = (self.clock() + keep_s, answer)
            return answer

    def _answer(self, arguments: Sequence[str], timeout_s: float) -> dict[str, Any]:
        """Return the object a command prints; {"problem": its last line} where it prints none."""
        code, answered, told = self.run(arguments, timeout_s)
        try:
            found: Any = msgspec.json.decode(answered)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}
        return {"problem": last_line(told) or f"autarch {arguments[0]} ended with exit code {code} and said nothing"}


def last_line(told: bytes) -> str:
    """Return the last line of what a command said, without its name."""
    lines = [line.strip() for line in told[-8192:].decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("autarch: ")[:500] if lines else ""
