"""A candidate as a commit that the gate can judge, and the gate's answer as a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from agents.evolution.assessing import Tuned
from agents.evolution.parties import GateWord
from agents.evolution.population import Candidate
from agents.evolution.records import Begun, Failure, Judged
from autarch.errors import UndecidedError
from autarch.manifest import StrategySource
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person

DETAIL_MAX = 600
FAILURES_MAX = 20
_VERDICTS = ("accepted", "rejected", "undecided")


def write_candidate(repo: GitRepo, begun: Begun, slug: str, source: StrategySource) -> str:
    """Store a candidate's commit on top of the run's base and return its id; again it is the same commit."""
    folder = f"strategies/{slug}"
    changes: Mapping[str, bytes | None] = {
        f"{folder}/manifest.toml": source.manifest_bytes,
        f"{folder}/strategy.py": source.code,
    }
    tree = repo.with_files(repo.tree_of(begun.base), changes)
    author = Person(name="evolve", email="agent@autarch.invalid", when_s=begun.when_s)
    return repo.commit_tree(tree, parents=[begun.base], message=f"Candidate {slug}\n", author=author)


def judged_of(  # noqa: PLR0913  a record's facts
    one: Candidate, numbers: Tuned, head: str, word: GateWord | str, *, study: str, when_s: int
) -> Judged:
    """Return the record of a judgement; `word` is the gate's, or in text why there was none."""
    if isinstance(word, GateWord):
        verdict: Literal["", "accepted", "rejected", "undecided"] = word.verdict
        failures, seconds = word.failures, word.seconds
    else:
        verdict, failures, seconds = "", (Failure(check="worth", klass="advice", detail=word[:DETAIL_MAX]),), 0.0
    return Judged(
        run=one.run,
        when_s=when_s,
        step=one.answered.step,
        commit=head,
        study=study,
        trials=len(numbers.trials),
        kept_own=numbers.kept_own,
        walk_forward=numbers.walk_forward,
        walk_forward_own=numbers.own,
        decisions=numbers.sketch.decisions,
        score=numbers.sketch.score,
        sharpe=numbers.sketch.sharpe,
        cell=numbers.sketch.cell,
        metrics=dict(numbers.sketch.metrics or {}),
        verdict=verdict,
        failures=failures,
        gate_s=seconds,
    )


def word_of(answer: Mapping[str, Any], *, seconds: float) -> GateWord:
    """Return the word in the object of `autarch gate --json`.

    Raises:
        UndecidedError: it is no such object.
    """
    verdict, checks = answer.get("verdict"), answer.get("checks")
    if verdict not in _VERDICTS or not isinstance(checks, list):
        raise UndecidedError(f"the gate answered {str(answer)[:200]!r}; expected an object with verdict and checks")
    failures = tuple(
        Failure(
            check=str(check.get("name")),
            klass=str(check.get("class")),
            detail=str(check.get("detail"))[:DETAIL_MAX],
        )
        for check in checks
        if isinstance(check, dict) and check.get("verdict") in {"failed", "undecided"}
    )
    known = cast("Literal['accepted', 'rejected', 'undecided']", verdict)
    return GateWord(verdict=known, failures=failures[:FAILURES_MAX], seconds=seconds)
