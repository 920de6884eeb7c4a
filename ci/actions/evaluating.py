"""The untrusted half: main's code judges a proposal's blobs on train bars and hands on a parcel, telling no score.

Its log is public and may be read before anything is recorded, so it says what is being done and never what came
of it. Publishing what came of it is the trusted half's, behind the ledger.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from autarch.errors import UsageError
from autarch.repo.mainline import fetch_main
from ci.actions.bench import Bench, fetch
from ci.actions.events import Proposed, parse_proposed
from ci.actions.parcel import PARCEL_NAME, wrap
from ci.gate import judge
from ci.platform_run import Trial, platform_changes
from ci.target import candidate_of_commits
from ci.workers import Workers

_VERDICT = re.compile(r"\b(passed|failed|undecided|skipped|waived|accepted|rejected)\b")


def silent(line: str) -> str:
    """Return a line of narration without what any check said."""
    return _VERDICT.sub("answered", line)


def proposed_by(bench: Bench) -> Proposed:
    """Return what the step's event proposes.

    Raises:
        UsageError: the event is another, or of another repository.
    """
    name = bench.site.event_name
    if name not in {"pull_request", "merge_group"}:
        raise UsageError(f"found event {name!r}; the untrusted half follows pull_request and merge_group")
    proposed = parse_proposed(bench.site.event(), "merge_group" if name == "merge_group" else "pull_request")
    if proposed.repository != bench.site.repository:
        raise UsageError(f"the event is of {proposed.repository}, this run of {bench.site.repository}")
    return proposed


def evaluate(bench: Bench, workers: Workers, out: Path) -> None:
    """Judge what the event proposes and write its parcel into the folder `out`.

    Raises:
        UsageError: the event is none of ours.
        UndecidedError: this process is not main's code, or the parcel cannot be made.
    """
    proposed = proposed_by(bench)
    main = fetch_main(bench.repo, bench.remote)
    fetch(bench, proposed.head, proposed.base)
    if not bench.repo.first_parent_contains(main, proposed.base):
        raise UsageError(f"base {proposed.base[:12]} never was main; only proposals onto main are judged")
    inputs = bench.inputs(proposed.base)
    candidate = candidate_of_commits(bench.repo, base=proposed.base, head=proposed.head)
    told = lambda line: bench.progress(silent(line))  # noqa: E731  one expression, handed to three callees
    outcome = judge(candidate, inputs, progress=told, clock=bench.clock, workers=workers)
    if outcome.whole_platform:
        trial = Trial(
            repo=bench.repo,
            base=proposed.base,
            head=proposed.head,
            inputs=inputs,
            entries=(),
            progress=told,
            clock=bench.clock,
            workers=workers,
        )
        outcome = replace(outcome, platform=platform_changes(trial))
    out.mkdir(parents=True, exist_ok=True)
    (out / PARCEL_NAME).write_bytes(wrap(outcome, numerics=inputs.numerics))
    bench.progress("evaluated; what came of it is told once it is counted")
