"""A reader's score in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ci.calibration.cases import Case
from ci.calibration.kinds import FLAWS
from ci.calibration.scoring import Answer, Score


def lines_of(found: Score, cases: Sequence[Case], answers: Mapping[int, Answer]) -> Iterator[str]:
    """Yield one line a case, then what it came to."""
    yield ""
    for case in cases:
        answer = answers[case.number]
        right = (answer.decision == "refuse") == (case.flaw is not None)
        truth = f"{case.flaw}: {FLAWS[case.flaw]}" if case.flaw is not None else "sound"
        mark = "right" if right else "WRONG"
        told = f"{case.number:>2}  {answer.decision:<6}  {mark}  {answer.seconds:>6.1f} s"
        yield f"{told}  gate {case.verdict:<9} {truth}"
    yield ""
    median = "" if found.seconds_median is None else f", {found.seconds_median:.1f} s each in the middle"
    yield f"{found.right} of {found.answered} right{median}; the gate's word alone: {found.gate_right}"
    flawed = sum(case.flaw is not None for case in cases)
    yield f"of {flawed} flaws {found.named} were named, {len(found.accepted_flawed)} accepted"
    if found.accepted_flawed:
        yield f"missed: {', '.join(sorted(set(found.accepted_flawed.values())))}"
    for number, (named, true) in found.misnamed.items():
        yield f"{number}: refused for {named}, it was {true}"
    if found.refused_sound:
        yield f"sound, and refused: {', '.join(str(number) for number in found.refused_sound)}"
