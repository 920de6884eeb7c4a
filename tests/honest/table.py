"""The table honest strategy x check, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autarch.errors import StrategyError

from .features import features_of
from .ground import CHECKS, Ground, candidate_of, opened_ground, slugs


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy: what it is, what of the contract it uses, the word of each check by name, and what was refused."""

    slug: str
    title: str
    features: tuple[str, ...]
    verdicts: dict[str, str]
    alarms: tuple[str, ...]


def measured_rows(root: Path, folder: Path) -> tuple[Row, ...]:
    """Ask everything anew, with markets and workers of its own, and return a row for each honest strategy.

    Args:
        root: Of the project, whose policy judges.
        folder: Empty; takes some 20 MB of bars.
    """
    with opened_ground(root, folder) as ground:
        return tuple(row_of(ground, slug) for slug in slugs())


def row_of(ground: Ground, slug: str) -> Row:
    """Return the row of one strategy.

    Raises:
        StrategyError: its folder does not hold a strategy.
    """
    candidate = candidate_of(slug)
    if candidate.source is None:
        raise StrategyError(f"{slug}: {candidate.source_problem or candidate.problems}")
    answers = [answer for answer in ground.ask(candidate) if answer.name in CHECKS]
    return Row(
        slug=slug,
        title=candidate.source.manifest.title,
        features=features_of(candidate.source),
        verdicts={answer.name: answer.verdict for answer in answers},
        alarms=tuple(f"{each.name} {each.verdict}: {each.detail}" for each in answers if each.verdict != "passed"),
    )
