"""How many minutes the workflows have used today, as GitHub bills them, and whether more may be."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from autarch.errors import UndecidedError
from autarch.forge.client import ForgeClient
from autarch.forge.wire_more import WorkflowRun

RUNS_MAX = 1_000
JOBS = {
    ".github/workflows/publish.yml": 2,
    ".github/workflows/propose.yml": 2,
    ".github/workflows/release.yml": 2,
}
"""Jobs of a run by its workflow's file; one where it is not named. A test holds this to the files."""


def billed_minutes(runs: Iterable[WorkflowRun], *, now: dt.datetime) -> int:
    """Return the minutes of `runs`, at most: each job rounds up, and one that runs still counts up to `now`.

    Which of a run's jobs took how long would cost a call a run; a run's span is at least each job's sum.
    """
    return sum(_minutes(run, now) for run in runs)


def require_minutes(forge: ForgeClient, *, now: dt.datetime, cap: int) -> int:
    """Return today's minutes (UTC), unless they reach the cap.

    Raises:
        UndecidedError: they do; nothing runs before tomorrow or until the cap is raised.
    """
    runs = forge.workflow_runs(most=RUNS_MAX, created=f">={now:%Y-%m-%d}")
    used = billed_minutes(runs, now=now)
    if used >= cap or len(runs) >= RUNS_MAX:
        raise UndecidedError(
            f"the workflows have used {used} minutes today in {len(runs)} runs, the cap is {cap}; wait for tomorrow "
            "(UTC), or raise the repository variable AUTARCH_MINUTES_A_DAY"
        )
    return used


def _minutes(run: WorkflowRun, now: dt.datetime) -> int:
    begun = _moment(run.run_started_at or run.created_at) or now
    ended = _moment(run.updated_at) if run.status == "completed" else now
    span_s = max(0.0, ((ended or now) - begun).total_seconds())
    return max(1, math.ceil(span_s / 60.0)) + JOBS.get(run.path.partition("@")[0], 1) - 1


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None
