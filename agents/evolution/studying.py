"""What a run tried, as a study: every backtest of every candidate, so that all of them are counted."""

from __future__ import annotations

import msgspec

from agents.evolution.journal import Journal
from agents.evolution.population import Run
from agents.evolution.records import Begun
from agents.study import Study, Trial
from autarch.canonical import Sha256, canonical_json
from autarch.manifest import ParamValue
from autarch.sweep import OBJECTIVE

TRIALS_NAME = "trials.json"
STUDY_NAME = "study.json"


class _Trial(msgspec.Struct, frozen=True, kw_only=True):
    params: dict[str, bool | int | float]
    score: float | None
    sharpe: float | None
    decisions: str | None
    detail: str = ""


class _Trials(msgspec.Struct, frozen=True, kw_only=True):
    trials: list[_Trial]


def study_of(trials: tuple[Trial, ...], *, begun: Begun, slug: str) -> Study:
    """Return these trials as a study of the run."""
    return Study(
        strategy=slug,
        parent=f"main@{begun.base}",
        dataset=begun.dataset,
        objective=OBJECTIVE,
        sampler=f"evolution, run {begun.run}: {', '.join(begun.agents)}",
        seed=begun.seed,
        trials=trials,
    )


def trials_of(run: Run, journal: Journal) -> tuple[Trial, ...]:
    """Return every trial of a run, in order: what agents tried, each candidate's own numbers, what the walk drew."""
    found: list[Trial] = []
    for one in run.candidates:
        found += unpacked_trials(journal.attachment(one.answer, TRIALS_NAME))
        if one.judgement is not None:
            found += unpacked_trials(journal.attachment(one.judgement, STUDY_NAME))
        elif one.sketched is not None and one.sketched.decisions:
            found.append(
                Trial(
                    params={},
                    score=one.sketched.score,
                    sharpe=one.sketched.sharpe,
                    decisions=Sha256(one.sketched.decisions),
                )
            )
    return tuple(found)


def packed_trials(trials: tuple[Trial, ...]) -> dict[str, bytes]:
    """Return what is attached for an agent's own trials: nothing for none."""
    if not trials:
        return {}
    rows = [
        {"params": t.params, "score": t.score, "sharpe": t.sharpe, "decisions": t.decisions, "detail": t.detail}
        for t in trials
    ]
    return {TRIALS_NAME: canonical_json({"trials": rows})}


def unpacked_trials(content: bytes | None) -> list[Trial]:
    """Return the trials in a packed study or list of trials; none for nothing."""
    if content is None:
        return []
    rows = msgspec.json.decode(content, type=_Trials).trials
    return [
        Trial(
            params=_plain(row.params),
            score=row.score,
            sharpe=row.sharpe,
            decisions=None if row.decisions is None else Sha256(row.decisions),
            detail=row.detail,
        )
        for row in rows
    ]


def _plain(params: dict[str, bool | int | float]) -> dict[str, ParamValue]:
    return dict(params)
