"""What a conformance run is made of: steps with an expectation, and what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from live.conform.bench import Bench

Verdict = Literal["held", "differs", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a step saw, in words, and whether it is what was expected; None when it could not be told."""

    text: str
    held: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One assumption.

    Attributes:
        name: Stable, for records to be compared by.
        expects: What our code takes for granted.
        matters: What goes wrong where it does not hold.
        play: Tries it.
        vital: Nothing real is traded before it was seen to hold.
    """

    name: str
    expects: str
    matters: str
    play: Callable[[Bench], Awaitable[Seen]]
    vital: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A step that was played."""

    name: str
    expected: str
    seen: str
    verdict: Verdict
    matters: str
    vital: bool = False


def verdict_of(seen: Seen) -> Verdict:
    """Return the word for what was seen."""
    if seen.held is None:
        return "undecided"
    return "held" if seen.held else "differs"
