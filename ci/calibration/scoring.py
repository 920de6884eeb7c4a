"""Score a reader's decisions on practice pull requests: how many are right, how fast, and which flaws were missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from ci.calibration.cases import Case

Decision = Literal["accept", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader said of one case: the decision, the flaw they named if any, and seconds from sight to decision."""

    number: int
    decision: Decision
    flaw: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How a reader did on the cases they answered.

    Attributes:
        answered: Cases with an answer.
        right: Decisions that fit: a flawed one refused, a sound one accepted.
        refused_sound: Numbers of sound cases that were refused.
        accepted_flawed: Number -> the flaw that was accepted.
        named: Flawed cases refused for the flaw that was there.
        misnamed: Number -> (named, true) of those refused for another.
        seconds_median: Of all answers, None without any.
        gate_right: What the gate's own word would have scored on the same cases.
    """

    answered: int
    right: int
    refused_sound: tuple[int, ...]
    accepted_flawed: dict[int, str]
    named: int
    misnamed: dict[int, tuple[str, str]]
    seconds_median: float | None
    gate_right: int


def score(cases: Sequence[Case], answers: Mapping[int, Answer]) -> Score:
    """Return the score of `answers`, by case number; cases without one count nothing."""
    told = [(case, answers[case.number]) for case in cases if case.number in answers]
    refused = [(case, answer) for case, answer in told if answer.decision == "refuse"]
    return Score(
        answered=len(told),
        right=sum((answer.decision == "refuse") == (case.flaw is not None) for case, answer in told),
        refused_sound=tuple(case.number for case, _ in refused if case.flaw is None),
        accepted_flawed={
            case.number: case.flaw for case, answer in told if case.flaw is not None and answer.decision == "accept"
        },
        named=sum(case.flaw is not None and answer.flaw == case.flaw for case, answer in refused),
        misnamed={
            case.number: (answer.flaw, case.flaw)
            for case, answer in refused
            if case.flaw is not None and answer.flaw is not None and answer.flaw != case.flaw
        },
        seconds_median=median(answer.seconds for _, answer in told) if told else None,
        gate_right=sum((case.verdict != "accepted") == (case.flaw is not None) for case, _ in told),
    )
