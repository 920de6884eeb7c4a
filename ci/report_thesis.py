"""A strategy's own words: title, and the docstring that opens its code. Untrusted text."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ci.outcome import GateOutcome

THESIS_CHARS_MAX = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Thesis:
    """What the strategy says of itself."""

    title: str
    text: str


def thesis_of(outcome: GateOutcome) -> Thesis:
    """Return what the strategy says about itself, empty where it says nothing readable."""
    source = outcome.candidate.source
    if source is None:
        return Thesis(title="", text="")
    try:
        text = ast.get_docstring(ast.parse(source.code)) or ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = ""
    return Thesis(title=source.manifest.title, text=text[:THESIS_CHARS_MAX])
