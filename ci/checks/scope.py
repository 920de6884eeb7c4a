"""scope: the diff, or the folder, is exactly one strategy."""

from __future__ import annotations

from autarch.verdict import Measure
from ci.candidate import Candidate
from ci.context import Answer

PROBLEMS_SHOWN = 5


def check(candidate: Candidate) -> Answer:
    """Pass when nothing but the regular files of one strategy (or none of them, for a platform change) is proposed."""
    problems = list(candidate.problems)
    if candidate.kind not in {"strategy", "platform"} and not problems:
        problems.append("the branch is neither one strategy nor a platform change; split it.")
    if problems:
        more = f" And {len(problems) - PROBLEMS_SHOWN} more." if len(problems) > PROBLEMS_SHOWN else ""
        return Answer(verdict="failed", detail=" ".join(problems[:PROBLEMS_SHOWN]) + more)
    if candidate.kind == "platform":
        return Answer(verdict="passed", detail="the branch touches the platform and no strategy")
    if candidate.removal:
        return Answer(verdict="passed", detail=f"the branch removes strategies/{candidate.slug} and nothing else")
    source = candidate.source
    measures = (
        ()
        if source is None
        else (
            Measure(name="manifest_bytes", value=float(len(source.manifest_bytes)), unit="bytes"),
            Measure(name="code_bytes", value=float(len(source.code)), unit="bytes"),
        )
    )
    return Answer(verdict="passed", detail=f"exactly the files of strategies/{candidate.slug}", measures=measures)
