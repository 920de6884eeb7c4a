"""Tell a verdict on the platform: one check run a check, remarks beside the code, one report that stays.

Words of strategies and of other machines are escaped; a head that is no longer the pull request's gets its check
runs, and never a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from autarch.errors import RefusedError
from autarch.forge.client import ForgeClient
from autarch.forge.wire import GATE_CONTEXT
from autarch.forge.wire_more import Annotation, CheckOutput, Conclusion
from autarch.repo.git import GitRepo, Remote
from autarch.repo.objects import Person
from autarch.sandbox.source_policy import check_source
from autarch.verdict import CheckResult, CheckVerdict, GateVerdict
from ci.actions.pictures import picture
from ci.outcome import GateOutcome
from ci.publish_records import Subject
from ci.report import escaped, markdown, one_line
from ci.report_numbers import comparison
from ci.report_text import summary

REPORTS = "refs/heads/autarch-reports/"
"""Branch of a pull request's report, which the platform draws by itself: below it the number."""

# Skipped and neutral count as green where a check is required, so that only what may merge ever gets them.
_CONCLUSIONS: dict[CheckVerdict, Conclusion] = {
    "passed": "success",
    "waived": "neutral",
    "failed": "failure",
    "undecided": "action_required",
    "skipped": "cancelled",
}
_GATE: dict[GateVerdict, Conclusion] = {"accepted": "success", "rejected": "failure", "undecided": "action_required"}


def tell(forge: ForgeClient, subject: Subject, outcome: GateOutcome, *, details_url: str = "") -> None:
    """Post each check and then the gate as check runs of the head, and the report of the pull request.

    Raises:
        ForgeRefusedError: the token may not, or the head is gone.
        UndecidedError: the forge cannot be reached.
    """
    for check in outcome.checks:
        forge.create_check_run(
            name=f"autarch/{check.name}",
            head_sha=subject.head,
            conclusion=conclusion_of(check),
            output=CheckOutput(
                title=f"{check.verdict}: {_line(check.detail)}",
                summary=_measured(check),
                annotations=tuple(_annotations(check, outcome)),
            ),
            external_id=f"{subject.head}/{subject.base}",
            details_url=details_url,
        )
    if forge.pull(subject.number).head_sha == subject.head:
        forge.set_report(subject.number, markdown(outcome))
    # Last, because whoever waits for the verdict waits for this one.
    forge.create_check_run(
        name=GATE_CONTEXT,
        head_sha=subject.head,
        conclusion=_GATE[outcome.verdict],
        output=CheckOutput(title=_line(summary(outcome)), summary=escaped(summary(outcome))),
        external_id=f"{subject.head}/{subject.base}",
        details_url=details_url,
    )


def conclusion_of(check: CheckResult) -> Conclusion:
    """Return how the platform shows a check; advice never blocks, so that a failed one is neutral."""
    if check.klass == "advice" and check.verdict == "failed":
        return "neutral"
    return _CONCLUSIONS[check.verdict]


def store_report(repo: GitRepo, remote: Remote, subject: Subject, outcome: GateOutcome, *, now_s: int) -> str:
    """Push the report with its picture to the pull request's branch for reports, and return the commit.

    Raises:
        PushRefusedError: the forge keeps no such branch.
    """
    from ci.report_html import html  # noqa: PLC0415  draws by a library, which nothing else here needs

    ref = f"{REPORTS}{subject.number}"
    before = repo.ls_remote(remote, ref).get(ref)
    if before is not None:
        repo.fetch(remote, [before])
    drawn = picture(outcome)
    files: dict[str, bytes | None] = {"report.html": html(outcome).encode("utf-8")}
    text = markdown(outcome)
    if drawn is not None:
        files["equity.svg"] = drawn.encode("utf-8")
        text = f"{text}\n![Equity over capital and drawdown, train](equity.svg)\n"
    files["README.md"] = text.encode("utf-8")
    author = Person(name="Autarch CI", email="ci@autarch.invalid", when_s=now_s)
    message = f"Report on pull request {subject.number}\n\nHead: {subject.head}\nBase: {subject.base}\n"
    commit = repo.commit_tree(
        repo.with_files(None, files), parents=[] if before is None else [before], message=message, author=author
    )
    repo.push(remote, {ref: commit}, leases={ref: before})
    return commit


def _annotations(check: CheckResult, outcome: GateOutcome) -> Iterator[Annotation]:
    candidate = outcome.candidate
    if check.verdict != "failed" or candidate.slug is None:
        return
    path = f"strategies/{candidate.slug}/strategy.py"
    if check.name == "policy" and candidate.source is not None:
        with suppress(RefusedError):
            for finding in check_source(candidate.source):
                line = max(1, finding.line)
                yield Annotation(
                    path=path, start_line=line, end_line=line, level="failure", message=str(finding), title="policy"
                )
        return
    if check.name != "scope":
        yield Annotation(
            path=path,
            start_line=1,
            end_line=1,
            level="failure",
            message=one_line(check.detail) or "failed",
            title=check.name,
        )


def _measured(check: CheckResult) -> str:
    rows = [f"| {escaped(m.name)} | {escaped(comparison(m))} |" for m in check.measures]
    table = "\n".join(["| measure | value |", "|---|---|", *rows]) if rows else "Nothing was measured."
    return f"{escaped(check.detail)}\n\n{table}"


def _line(text: str) -> str:
    flat = one_line(text)
    return flat if len(flat) <= 200 else f"{flat[:199]}\u2026"
