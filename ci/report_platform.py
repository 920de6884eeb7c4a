"""What a platform change does to strategies on main, in words: for the terminal, Markdown and HTML alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

from autarch.evidence.claim import Difference
from ci.platform_changes import PlatformChanges, StrategyChange
from ci.report_numbers import number, short

DIFFERENCES_SHOWN = 8
_MEASURE = re.compile(r"checks\[(\w+)\]\.measures\[(\w+)\](?:\.(\w+))?$")
_CHECK = re.compile(r"checks\[(\w+)\](?:\.(\w+))?$")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIRST = tuple(map(re.compile, (r"verdict$", r"checks\[\w+\]\.verdict$", r"digests\.", r"metrics\.")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy: its verdicts, and what differs, in words, the weightiest first."""

    slug: str
    was: str
    now: str
    differs: tuple[str, ...]


def rows(changes: PlatformChanges) -> tuple[Row, ...]:
    """Return the strategies that are judged otherwise, or could not be judged, in the order of their names."""
    return tuple(_row(change) for change in changes.changed)


def same_words(changes: PlatformChanges) -> str:
    """Return the names of those that are judged as before, in one sentence; nothing if there are none."""
    names = [change.slug for change in changes.strategies if change.is_same]
    return f"as before, to the last digit: {', '.join(names)}" if names else ""


def lines(changes: PlatformChanges) -> list[str]:
    """Return the change for a terminal."""
    found = [f"platform: {changes.note}"]
    for row in rows(changes):
        found.append(f"  {row.slug}: {row.was} -> {row.now}")
        found += [f"    {text}" for text in row.differs]
    return found


def difference_words(difference: Difference) -> str:
    """Return `risk max_drawdown: 0.1000 -> 0.1200` for a field of a claim."""
    field = difference.field
    if (measure := _MEASURE.match(field)) is not None:
        check, name, part = measure.groups()
        field = f"{check} {name}" + ("" if part in {None, "value"} else f" {part}")
    elif (check_ := _CHECK.match(field)) is not None:
        field = " ".join(part for part in check_.groups() if part)
    else:
        field = field.removeprefix("metrics.").removeprefix("digests.").replace(".", " ")
    return f"{field}: {_value(difference.claimed)} -> {_value(difference.found)}"


def _row(change: StrategyChange) -> Row:
    ordered = sorted(change.differs, key=lambda one: _weight(one.field))
    told = [difference_words(one) for one in ordered[:DIFFERENCES_SHOWN]]
    if len(ordered) > DIFFERENCES_SHOWN:
        told.append(f"and {len(ordered) - DIFFERENCES_SHOWN} more values")
    told += [change.problem] if change.problem else []
    return Row(
        slug=change.slug, was=change.was or "no verdict", now=change.now or "could not be told", differs=tuple(told)
    )


def _weight(field: str) -> int:
    return next((rank for rank, pattern in enumerate(_FIRST) if pattern.match(field)), len(_FIRST))


def _value(value: object) -> str:
    if isinstance(value, str):
        return short(value) if _DIGEST.fullmatch(value) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "none" if value is None else "another"
    return number(float(value))
