"""policy: the manifest keeps its schema and the code keeps to what a strategy may say."""

from __future__ import annotations

from autarch.sandbox.source_policy import check_source
from autarch.verdict import Measure
from ci.candidate import Candidate
from ci.context import Answer

FINDINGS_SHOWN = 5


def check(candidate: Candidate) -> Answer:
    """Pass when the manifest parses and `check_source` finds nothing; each finding carries its line and cure."""
    if candidate.source is None:
        return Answer(verdict="failed", detail=candidate.source_problem or "there is no strategy to read; propose one")
    findings = check_source(candidate.source)
    measures = (Measure(name="findings", value=float(len(findings)), op="<=", limit=0.0),)
    if findings:
        shown = " ".join(str(finding) for finding in findings[:FINDINGS_SHOWN])
        more = f" And {len(findings) - FINDINGS_SHOWN} more." if len(findings) > FINDINGS_SHOWN else ""
        return Answer(verdict="failed", detail=shown + more, measures=measures)
    return Answer(verdict="passed", detail="manifest and code keep to the contract", measures=measures)
