"""The change of a strategy's two files as lines, with what the source policy says beside the line it speaks of."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from autarch.manifest import StrategySource
from autarch.sandbox.source_policy import check_source

LINES_MAX: Final = 2_000
LINE_CHARS_MAX: Final = 400
CONTEXT_LINES: Final = 4

Kind = Literal["same", "added", "removed", "gap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLine:
    """One line of a diff: its numbers before and after (None: not there), and notes on it. Untrusted text."""

    kind: Kind
    old: int | None
    new: int | None
    text: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFile:
    """One file's change. `notes` speak of the file as a whole."""

    name: str
    lines: tuple[CodeLine, ...]
    added: int
    removed: int
    left_out: int
    notes: tuple[str, ...] = ()


def code_files(own: StrategySource, theirs: StrategySource | None) -> tuple[CodeFile, ...]:
    """Return what changed from `theirs` (None: nothing was there) to `own`, the code first."""
    notes: dict[int, list[str]] = {}
    for finding in check_source(own):
        notes.setdefault(finding.line, []).append(f"{finding.construct}: {finding.message}")
    whole = tuple(notes.pop(0, ()))
    return (
        _file("strategy.py", b"" if theirs is None else theirs.code, own.code, notes, whole),
        _file("manifest.toml", b"" if theirs is None else theirs.manifest_bytes, own.manifest_bytes, {}, ()),
    )


def _file(name: str, before: bytes, after: bytes, notes: dict[int, list[str]], whole: tuple[str, ...]) -> CodeFile:
    old, new = (_split(content) for content in (before, after))
    found = list(_lines(old, new, notes))
    return CodeFile(
        name=name,
        lines=tuple(found[:LINES_MAX]),
        added=sum(line.kind == "added" for line in found),
        removed=sum(line.kind == "removed" for line in found),
        left_out=max(0, len(found) - LINES_MAX),
        notes=whole,
    )


def _split(content: bytes) -> list[str]:
    text = content.decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n") if text else []


def _lines(old: list[str], new: list[str], notes: dict[int, list[str]]) -> Iterator[CodeLine]:
    matcher = difflib.SequenceMatcher(None, old, new)  # with its heuristic: a file of one line repeated stays quick
    for tag, old_first, old_end, new_first, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield from _equal(new, old_first, new_first, new_end, notes, is_last=new_end == len(new))
            continue
        for at in range(old_first, old_end):
            yield CodeLine(kind="removed", old=at + 1, new=None, text=old[at][:LINE_CHARS_MAX])
        for at in range(new_first, new_end):
            yield _noted("added", None, at, new, notes)


def _equal(  # noqa: PLR0913  where a run of lines begins on both sides and ends
    new: list[str], old_first: int, first: int, end: int, notes: dict[int, list[str]], *, is_last: bool
) -> Iterator[CodeLine]:
    """Yield a run of unchanged lines: those near a change or with a note, a gap for the rest."""
    near = {at for at in range(first, end) if first > 0 and at < first + CONTEXT_LINES}
    near |= {at for at in range(first, end) if not is_last and at >= end - CONTEXT_LINES}
    near |= {at for at in range(first, end) if at + 1 in notes}
    in_gap = False
    for at in range(first, end):
        if at in near:
            yield _noted("same", at - first + old_first + 1, at, new, notes)
        elif not in_gap:
            yield CodeLine(kind="gap", old=None, new=None, text="")
        in_gap = at not in near


def _noted(kind: Kind, old: int | None, at: int, new: list[str], notes: dict[int, list[str]]) -> CodeLine:
    told = tuple(notes.get(at + 1, ()))
    return CodeLine(kind=kind, old=old, new=at + 1, text=new[at][:LINE_CHARS_MAX], notes=told)
