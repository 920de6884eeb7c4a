"""How a strategy failed inside its worker, in words its author can act on."""

from __future__ import annotations

from typing import Literal

from autarch.errors import StrategyError

Cause = Literal["raised", "answer", "timeout", "memory", "cpu", "forbidden", "crashed", "closed", "garbage"]
"""raised: its code raised. answer: its Targets break the contract. timeout: wall clock. memory: address
space. cpu: processor seconds. forbidden: seccomp killed it. crashed: another signal. closed: it ended or
closed its pipe. garbage: what it wrote is no answer."""

TEXT_MAX = 400


class StrategyRunError(StrategyError):
    """A strategy failed inside its worker. `cause` is one of `Cause`, `line` of strategy.py or 0."""

    def __init__(self, message: str, cause: Cause, line: int = 0) -> None:
        super().__init__(message, cause, line)
        self.cause: Cause = cause
        self.line = line

    @property
    def is_of_machine(self) -> bool:
        """True when another machine may come to another end: time and memory are this one's as well as the code's."""
        return self.cause in {"timeout", "cpu", "memory"}

    def __str__(self) -> str:
        return str(self.args[0])


def printable(text: str, *, limit: int = TEXT_MAX) -> str:
    """Return `text` on one line, unprintable characters as `?`, cut to `limit` characters."""
    line = " ".join(text[: 4 * limit].split())
    clean = "".join(c if c.isprintable() else "?" for c in line)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
