"""Mutants that live and may: why each changes nothing that anybody could rely on. Kept beside the tool, read as data.

A place is named by its line as it stands and as the mutant would have it, so that lines may move; one that is no
longer there is an error of the list, found by a test.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.mutation.again import again, is_killed
from benchmarks.mutation.sites import Mutant

LIST = Path(__file__).with_name("known.toml")


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change that may live: the line before and after, stripped, and why."""

    path: str
    was: str
    now: str
    why: str


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mutant: tuple[Known, ...]


def known() -> tuple[Known, ...]:
    """Return the list.

    Raises:
        msgspec.ValidationError, tomllib.TOMLDecodeError: it is malformed.
    """
    return msgspec.convert(tomllib.loads(LIST.read_text(encoding="utf-8")), _File, strict=True).mutant


def why_of(mutant: Mutant, source: str) -> str | None:
    """Return why `mutant` of a module may live, None where nobody has said so."""
    was, now = lines_of(mutant, source)
    return next((one.why for one in known() if (one.path, one.was, one.now) == (mutant.path, was, now)), None)


def explained(root: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a mutation run with why its mutant may live, as the list has it now; one killed as it is.

    Raises:
        ValueError: as `again`.
    """
    if is_killed(row):
        return row
    _, mutant = again(root, row)
    why = why_of(mutant, (root / mutant.path).read_text(encoding="utf-8"))
    return row if why is None else {**row, "why": why}


def lines_of(mutant: Mutant, source: str) -> tuple[str, str]:
    """Return the mutant's line as it stands and as it would be, stripped."""
    first = source.rfind("\n", 0, mutant.start) + 1

    def line(text: str) -> str:
        return text[first:].partition("\n")[0].strip()

    return line(source), line(mutant.applied(source))
