"""What a script hears and says, whichever vendor it plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One tool a model asked for and what the tool said."""

    name: str
    arguments: Mapping[str, Any]
    text: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, read from either wire format.

    `turns` holds, for each earlier answer of the model, what its calls came to. `body` is the request itself.
    """

    model: str
    system: str
    first: str
    turns: tuple[tuple[Heard, ...], ...]
    tools: Mapping[str, Mapping[str, Any]]
    is_stream: bool
    schema: Mapping[str, Any] | None
    body: Mapping[str, Any]
    text: str

    @property
    def heard(self) -> tuple[Heard, ...]:
        """Every tool's answer so far, in order."""
        return tuple(one for turn in self.turns for one in turn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A tool the script asks for; `raw` replaces the JSON of its arguments, to be malformed on purpose."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer. `stop` is `end`, `limit` or `refused`; calls make it `tools`.

    `cut_after` ends the connection after so many events, `pause_s` waits before each.
    """

    text: str = ""
    calls: tuple[Called, ...] = ()
    stop: str = "end"
    cut_after: int | None = None
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An HTTP error instead of an answer."""

    status: int
    kind: str = "overloaded_error"
    message: str = "Overloaded"
    retry_after: str | None = None


Reply = Said | Fault


class Script(Protocol):
    """Answers requests; a pure function of the request and of how often it was asked before, from 0."""

    def __call__(self, asked: Asked, number: int) -> Reply:
        """Return what is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Tokens of one answer, as the server reckons them: four bytes each, the part seen before read from a cache."""

    fresh: int
    read: int
    written: int
    out: int


def tokens_of(text: str) -> int:
    """Return about how many tokens a text has."""
    return max(1, len(text.encode("utf-8", "replace")) // 4)
