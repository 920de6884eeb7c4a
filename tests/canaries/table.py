"""The corpus as a table, for the documentation of what the gate stops: one row a canary, as it was judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autarch.market.stores import Stores
from autarch.verdict import CheckResult
from ci.checks import scope
from ci.workers import started_workers

from .cage import Cage, a_cage, catchers, judged
from .corpus import Canary, canaries
from .tricks import TRICKS, Trick, a_main, proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One canary: what it does, which check must catch it, which did (empty: none) and the first thing it said.

    `through` says why a canary gets through, where that is known.
    """

    name: str
    kind: str
    does: str
    expected: str
    caught_by: str
    message: str
    through: str = ""


def measured_rows(folder: Path) -> tuple[Row, ...]:
    """Judge everything anew, with a market and workers of its own, and return the rows.

    Args:
        folder: An empty folder for bars and repositories; takes some 30 MB.
    """
    with started_workers() as workers:
        return tuple(rows(a_cage(Stores.under(folder / "bars"), workers), folder))


def rows(cage: Cage, folder: Path) -> Iterator[Row]:
    """Yield a row for each strategy, then for each trick of the repository."""
    for cheat in canaries():
        yield _row_of_strategy(cheat, judged(cage, cheat).checks)
    repo, main = a_main(folder / "repo")
    for trick in TRICKS:
        answer = scope.check(proposed(repo, main, trick))
        yield _row_of_trick(trick, answer.detail if answer.verdict == "failed" else "")


def _row_of_strategy(cheat: Canary, checks: tuple[CheckResult, ...]) -> Row:
    by = catchers(checks)
    expected = [check for check in by if check.name == cheat.card.check]
    first = next(iter(expected or by), None)
    return Row(
        name=cheat.name,
        kind=cheat.card.kind,
        does=cheat.card.does,
        expected=cheat.card.check,
        caught_by=", ".join(check.name for check in by),
        message="" if first is None else first.detail,
        through=cheat.card.through,
    )


def _row_of_trick(trick: Trick, detail: str) -> Row:
    return Row(
        name=trick.name,
        kind="repository",
        does=trick.does,
        expected="scope",
        caught_by="scope" if detail else "",
        message=detail,
    )
