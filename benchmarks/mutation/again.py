"""Go on with a former run: what it had not tried, and its survivors, found by what they change, near where."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutation.plan import AREAS, Area
from benchmarks.mutation.sites import Mutant, mutants_of

_LABEL = re.compile(r"(?P<path>[^\s:]+):(?P<line>\d+)(?::(?P<column>\d+))? (?P<change>.+)", re.DOTALL)
NOT_SURE = "timeout"
"""On a busy machine a test may run out of time for reasons of its own: such a mutant is tried again."""


def to_try(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that are to be tried: what was not tried yet, then what nothing has killed for sure."""
    living = [row for row in rows if not is_killed(row)]
    return sorted(living, key=lambda row: not is_untried(row))


def is_killed(row: dict[str, Any]) -> bool:
    """Return whether a test killed the row's mutant; running out of time is no proof."""
    return row["killed_by"] not in {None, NOT_SURE}


def is_untried(row: dict[str, Any]) -> bool:
    """Return whether a row only says that its mutant was drawn: so that a sample stays what it is while code moves."""
    return row["killed_by"] is None and row.get("outlived") == 0


def again(root: Path, row: dict[str, Any]) -> tuple[Area, Mutant]:
    """Return the mutant of a former row in the modules as they are now: the same change, nearest to where it was.

    Raises:
        ValueError: the row is none, or its module has no such change any more.
    """
    found = _LABEL.match(str(row["mutant"]))
    area = next((one for one in AREAS if one.name == row["area"]), None)
    if found is None or area is None:
        raise ValueError(f"{row} is no row of a mutation run; write one with --json")
    path, line, column = found["path"], int(found["line"]), int(found["column"] or 1)
    source = (root / path).read_text() if (root / path).is_file() else ""
    alike = [one for one in mutants_of(path, source) if one.label.endswith(f" {found['change']}")]
    if not alike:
        raise ValueError(f"{row['mutant']}: the module has no such change any more; draw mutants anew without --again")
    return area, min(alike, key=lambda one: (abs(one.line - line), abs(one.column - column)))


def merged(rows: Sequence[dict[str, Any]], row: dict[str, Any], *, was: str) -> list[dict[str, Any]]:
    """Return the rows with one more, or with it in the place of what was written of the mutant labelled `was`."""
    at = next((i for i, one in enumerate(rows) if one["mutant"] == was), len(rows))
    return [*rows[:at], row, *rows[at + 1 :]]
