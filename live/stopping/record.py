"""The record of a kill: what was about to be done, written whole before each step, for whoever asks afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.paths import private_directory
from live.host import write_whole
from live.ports.clock import Clock

SCHEMA = 1
STEPS_MAX = 2000


@dataclass(slots=True, kw_only=True)
class KillRecord:
    """One kill's or dead-man's record; `path` None keeps it in memory. `tell` gets every line too.

    A disk that does not take it is said once and holds nothing up: positions come before papers.
    """

    path: Path | None
    account: str
    by: str
    who: str
    why: str
    clock: Clock
    tell: Callable[[str], None]
    steps: list[tuple[EpochMs, str]] = field(default_factory=list)
    problem: str | None = None
    _outcome: dict[str, object] | None = None

    def note(self, text: str) -> None:
        """Add a step and write the record."""
        if len(self.steps) < STEPS_MAX:
            self.steps.append((self.clock.now_ms(), text))
        self.tell(text)
        self._write()

    def close(self, outcome: dict[str, object]) -> None:
        """Write how it ended."""
        self._outcome = outcome
        self._write()

    def _write(self) -> None:
        if self.path is None:
            return
        content = {
            "schema": SCHEMA,
            "account": self.account,
            "by": self.by,
            "who": self.who,
            "why": self.why,
            "steps": [{"at_ms": at, "what": what} for at, what in self.steps],
            "outcome": self._outcome,
        }
        try:
            private_directory(self.path.parent)
            write_whole(self.path, json.dumps(content, indent=1).encode() + b"\n")
        except ConfigError as error:
            if self.problem is None:
                self.problem = f"the record is not on disk: {error}"
                self.tell(self.problem)
