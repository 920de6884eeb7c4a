"""Check runs of commits: those CI has signed on today's main, and those it has written in words of its own.

What merges is decided by signed records alone (`rules_main`); a written run is for eyes. It is kept at
`refs/autarch/check-runs/<sha>`, a blob that lists them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import RefusedError
from autarch.forge import checks
from autarch.forge.checks import CheckRecord
from autarch.forge.shapes_common import CI_APP, Place, app_json, node_of, time_of
from autarch.forge.wire_more import ANNOTATIONS_PER_CALL, SUMMARY_LIMIT, Annotation, CheckStatus, Conclusion
from autarch.repo.git import GitRepo
from autarch.repo.signing import SignatureError

PREFIX = "refs/autarch/check-runs/"
WRITTEN_MAX = 500
"""Runs one commit may be given; the numbers above belong to signed ones."""

ANNOTATIONS_MAX = 2000
_ID_STEP = 1000
_ID_HEX = 10  # digits of the commit in a run's id: id = int(sha[:10], 16) x 1000 + place, below 2^53
_CONCLUSIONS: dict[str, Conclusion] = {
    "passed": "success",
    "waived": "success",
    "failed": "failure",
    "undecided": "action_required",
    "skipped": "skipped",
}


class OutputBody(msgspec.Struct, frozen=True, kw_only=True):
    """The output part of a body."""

    title: str
    summary: str
    text: str | None = None
    annotations: tuple[Annotation, ...] = ()


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """POST /check-runs."""

    name: str
    head_sha: str
    status: CheckStatus = "queued"
    conclusion: Conclusion | None = None
    external_id: str = ""
    details_url: str | None = None
    output: OutputBody | None = None


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH /check-runs/{id}."""

    status: CheckStatus | None = None
    conclusion: Conclusion | None = None
    output: OutputBody | None = None


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run as it is kept, or as it is made from a signed record."""

    id: int
    name: str
    head_sha: str
    app: str
    status: CheckStatus
    conclusion: Conclusion | None = None
    external_id: str = ""
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: tuple[Annotation, ...] = ()
    started_ms: EpochMs
    completed_ms: EpochMs | None = None


class CheckRunStore:
    """Reads and writes the check runs of one repository. Only the forge writes them."""

    def __init__(self, repo: GitRepo, clock: Callable[[], EpochMs]) -> None:
        """Use `repo`, a bare repository, and `clock`, now in milliseconds since the epoch."""
        self._repo = repo
        self._clock = clock
        self._lock = threading.Lock()

    def of(self, sha: str, *, base: str, signers: bytes) -> tuple[RunRecord, ...]:
        """Return the runs of a commit: signed on `base` by one of `signers`, then written, newest first."""
        return (*self._signed(sha, base, signers), *reversed(self._written(sha)))

    def find(self, run_id: int, *, base: str, signers: bytes) -> RunRecord | None:
        """Return one run, or None."""
        sha = self._commit_of(run_id)
        runs = () if sha is None else self.of(sha, base=base, signers=signers)
        return next((run for run in runs if run.id == run_id), None)

    def add(self, new: NewRun, *, app: str) -> RunRecord:
        """Write a run.

        Raises:
            RefusedError: too many runs or annotations, or a conclusion is missing.
        """
        with self._lock:
            known = self._written(new.head_sha)
            if len(known) >= WRITTEN_MAX:
                raise RefusedError(f"{new.head_sha[:12]} has {len(known)} check runs; change one instead")
            run = RunRecord(
                id=_first_id(new.head_sha) + len(known),
                name=new.name,
                head_sha=new.head_sha,
                app=app,
                status=new.status,
                external_id=new.external_id,
                details_url=new.details_url,
                started_ms=self._clock(),
            )
            run = _changed(run, RunChange(status=None, conclusion=new.conclusion, output=new.output), self._clock())
            self._write(new.head_sha, (*known, run))
            return run

    def change(self, run_id: int, change: RunChange, *, app: str) -> RunRecord | None:
        """Change a run of `app`'s; None when it has none of that number.

        Raises:
            RefusedError: too many annotations, or a conclusion is missing.
        """
        sha = self._commit_of(run_id)
        with self._lock:
            known = () if sha is None else self._written(sha)
            old = next((run for run in known if run.id == run_id and run.app == app), None)
            if old is None or sha is None:
                return None
            new = _changed(old, change, self._clock())
            self._write(sha, tuple(new if run.id == run_id else run for run in known))
            return new

    def _signed(self, sha: str, base: str, signers: bytes) -> tuple[RunRecord, ...]:
        found = self._repo.refs(f"{checks.PREFIX}{sha}/{base}/")
        opened = [(place, self._opened(oid, signers)) for place, oid in enumerate(found.values())]
        return tuple(_of_record(record, place) for place, record in opened if record is not None)

    def _opened(self, oid: str, signers: bytes) -> CheckRecord | None:
        try:
            return checks.open_check(self._repo.cat_blob(oid), signers=signers)
        except SignatureError:
            return None

    def _commit_of(self, run_id: int) -> str | None:
        start = f"{run_id // _ID_STEP:0{_ID_HEX}x}"
        places = {**self._repo.refs(PREFIX), **self._repo.refs(checks.PREFIX)}
        commits = {ref.removeprefix(PREFIX).removeprefix(checks.PREFIX).partition("/")[0] for ref in places}
        return next((sha for sha in sorted(commits) if sha.startswith(start)), None)

    def _written(self, sha: str) -> tuple[RunRecord, ...]:
        oid = self._repo.read_ref(f"{PREFIX}{sha}")
        if oid is None:
            return ()
        return msgspec.json.decode(self._repo.cat_blob(oid), type=tuple[RunRecord, ...], strict=True)

    def _write(self, sha: str, runs: tuple[RunRecord, ...]) -> None:
        ref = f"{PREFIX}{sha}"
        self._repo.update_ref(ref, self._repo.write_blob(msgspec.json.encode(runs)), old=self._repo.read_ref(ref))


def run_json(run: RunRecord, place: Place) -> dict[str, Any]:
    """Return GitHub's check run object."""
    at = f"{place.api}/check-runs/{run.id}"
    return {
        "id": run.id,
        "node_id": node_of("CR", run.id),
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": at,
        "html_url": place.url,
        "details_url": run.details_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": time_of(run.started_ms),
        "completed_at": time_of(run.completed_ms),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{at}/annotations",
        },
        "check_suite": None,
        "app": app_json(run.app, place.url),
        "pull_requests": [],
    }


def annotation_json(each: Annotation, run: RunRecord, place: Place) -> dict[str, Any]:
    """Return GitHub's annotation object."""
    absent = {"start_column": None, "end_column": None}
    return {
        **msgspec.to_builtins(each),
        **absent,
        "blob_href": f"{place.api}/contents/{each.path}?ref={run.head_sha}",
    }


def run_name(check: str) -> str:
    """Return the name under which a check is shown: the same on every platform."""
    return f"autarch/{check}"


def _first_id(sha: str) -> int:
    return int(sha[:_ID_HEX], 16) * _ID_STEP


def _changed(run: RunRecord, change: RunChange, now: EpochMs) -> RunRecord:
    fields: dict[str, Any] = {}
    if change.output is not None:
        fields |= _shown(run, change.output)
    status = "completed" if change.conclusion is not None else change.status or run.status
    if status == "completed" and change.conclusion is None and run.conclusion is None:
        raise RefusedError("a completed check run needs a conclusion")
    fields |= {"status": status, "conclusion": change.conclusion or run.conclusion}
    fields["completed_ms"] = (run.completed_ms or now) if status == "completed" else None
    return msgspec.structs.replace(run, **fields)


def _shown(run: RunRecord, output: OutputBody) -> dict[str, Any]:
    if len(output.annotations) > ANNOTATIONS_PER_CALL:
        raise RefusedError(f"{len(output.annotations)} annotations in one call; at most {ANNOTATIONS_PER_CALL}")
    if max(len(output.summary), len(output.text or "")) > SUMMARY_LIMIT:
        raise RefusedError(f"summary or text has more than {SUMMARY_LIMIT} characters")
    together = (*run.annotations, *output.annotations)
    if len(together) > ANNOTATIONS_MAX:
        raise RefusedError(f"{len(together)} annotations; at most {ANNOTATIONS_MAX}")
    return {"title": output.title, "summary": output.summary, "text": output.text, "annotations": together}


def _of_record(record: CheckRecord, place: int) -> RunRecord:
    return RunRecord(
        id=_first_id(record.head) + WRITTEN_MAX + place,
        name=run_name(record.name),
        head_sha=record.head,
        app=CI_APP,
        status="completed",
        conclusion=_CONCLUSIONS[record.verdict],
        external_id=record.evidence or "",
        title=record.verdict,
        summary=f"{record.name} ({record.klass}) {record.verdict} on main {record.base[:12]}, signed",
        started_ms=EpochMs(0),
        completed_ms=EpochMs(0),
    )
