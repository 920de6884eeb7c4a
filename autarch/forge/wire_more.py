"""What else crosses the interface: check runs, workflow runs, releases, protection. GitHub's field names.

Unknown fields are ignored, as a platform adds some every month; a missing or ill-typed one that we
need is an answer no forge gives.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from autarch.errors import UndecidedError

ANNOTATIONS_PER_CALL = 50  # GitHub's
SUMMARY_LIMIT = 65_535  # characters of a check run's summary, and of its text; GitHub's

CheckStatus = Literal["queued", "in_progress", "completed"]
Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"]
AnnotationLevel = Literal["notice", "warning", "failure"]
_T = TypeVar("_T")


class Annotation(msgspec.Struct, frozen=True, kw_only=True, rename={"level": "annotation_level"}):
    """One remark at lines of a file, as GitHub shows it beside the diff. Lines count from 1."""

    path: str
    start_line: int
    end_line: int
    level: AnnotationLevel
    message: str
    title: str = ""
    raw_details: str = ""


class CheckOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a check run shows: `summary` and `text` are Markdown, cut to `SUMMARY_LIMIT` when sent."""

    title: str
    summary: str
    text: str = ""
    annotations: tuple[Annotation, ...] = ()


class App(msgspec.Struct, frozen=True, kw_only=True):
    """A GitHub App. Rulesets name the expected source of a check by `id`."""

    id: int
    slug: str = ""
    permissions: dict[str, str] = {}


class ShownOutput(msgspec.Struct, frozen=True, kw_only=True):
    """The output part of a check run that was read."""

    title: str | None = None
    summary: str | None = None
    annotations_count: int = 0


class CheckRun(msgspec.Struct, frozen=True, kw_only=True):
    """One check run. `conclusion` is None until `status` is completed; `app` is who wrote it."""

    id: int
    name: str
    head_sha: str
    status: str
    conclusion: str | None = None
    external_id: str | None = None
    details_url: str | None = None
    html_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    output: ShownOutput = ShownOutput()
    app: App | None = None


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A user or an organisation; `type` says which."""

    login: str
    id: int = 0
    type: str = "User"


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """The repository. `full_name` is what it is called now, whatever it was asked by."""

    full_name: str
    private: bool
    default_branch: str
    owner: Owner
    id: int = 0
    html_url: str = ""
    visibility: str = ""


class RunHead(msgspec.Struct, frozen=True, kw_only=True):
    """The repository a run's head lives in; another than ours for a fork."""

    full_name: str


class WorkflowRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a workflow. `head_sha` is the commit its event spoke of."""

    id: int
    name: str | None = None
    path: str = ""
    event: str = ""
    status: str | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    head_sha: str
    run_attempt: int = 1
    html_url: str = ""
    created_at: str = ""
    updated_at: str = ""
    run_started_at: str | None = None
    head_repository: RunHead | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job of a run."""

    id: int
    name: str
    status: str
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of a run; whatever it holds is hostile until it is checked."""

    id: int
    name: str
    size_in_bytes: int
    expired: bool = False
    digest: str | None = None


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a release."""

    id: int
    name: str
    size: int = 0


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release of a tag."""

    id: int
    tag_name: str
    draft: bool = False
    prerelease: bool = False
    html_url: str = ""
    upload_url: str = ""
    assets: tuple[Asset, ...] = ()


class RulesetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A ruleset as the list shows it, without its rules."""

    id: int
    name: str
    target: str = "branch"
    enforcement: str = "active"
    source_type: str = ""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment environment; `protection_rules` hold its reviewers."""

    name: str
    protection_rules: tuple[dict[str, Any], ...] = ()
    deployment_branch_policy: dict[str, bool] | None = None


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label of the repository; `color` is six hexadecimal digits."""

    name: str
    color: str = "ededed"
    description: str | None = None


class Enqueued(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request to put a pull request into a merge queue; `uuid` names one that is pending."""

    status: Literal["pending", "merged", "enqueued", "failed"]
    message: str = ""
    uuid: str = ""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A commit's address."""

    sha: str


def enqueued(raw: object) -> Enqueued:
    """Return GitHub's answer about an asynchronous merge, whose details stand in an object of their own.

    Raises:
        UndecidedError: it is none.
    """
    details = raw.get("details") if isinstance(raw, dict) else None
    flat = {"status": raw.get("status"), **details} if isinstance(raw, dict) and isinstance(details, dict) else raw
    return read(flat, Enqueued)


def read(raw: object, kind: type[_T]) -> _T:
    """Return `raw`, decoded JSON, as a `kind`.

    Raises:
        UndecidedError: it is none.
    """
    try:
        return msgspec.convert(raw, kind, strict=True)
    except msgspec.ValidationError as error:
        raise UndecidedError(f"the forge answered no {kind.__name__}: {error}; is this a forge's API?") from error
