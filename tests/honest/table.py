"""The table honest strategy x check, for whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autarch.errors import StrategyError

from .features import features_of
from .ground import Ground, candidate_of, slugs


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy: what it is, what of the contract it uses, and the word of each check by name."""

    slug: str
    title: str
    features: tuple[str, ...]
    verdicts: dict[str, str]


def rows(ground: Ground) -> Iterator[Row]:
    """Yield a row for each honest strategy, in order of its name.

    Raises:
        StrategyError: a folder does not hold a strategy.
    """
    for slug in slugs():
        candidate = candidate_of(slug)
        if candidate.source is None:
            raise StrategyError(f"{slug}: {candidate.source_problem or candidate.problems}")
        yield Row(
            slug=slug,
            title=candidate.source.manifest.title,
            features=features_of(candidate.source),
            verdicts={answer.name: answer.verdict for answer in ground.ask(candidate)},
        )
