"""One thing the source policy refuses, with its place and its cure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A refused construct of `strategy.py`; `line` and `column` count from 1, line 0 is the whole file."""

    line: int
    column: int
    construct: str
    message: str

    def __str__(self) -> str:
        """Return the finding as one line for a verdict or a terminal."""
        return f"strategy.py:{self.line}:{self.column}: {self.construct}: {self.message}"
