"""Tables of the reference as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with a blank line behind it."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Return text as it may stand in a cell: one line, no bar that would end it, nothing read as HTML."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
