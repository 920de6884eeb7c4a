"""What crosses the forge's HTTP interface: names, limits and the values a client reads.

Field names of the wire follow GitHub's REST API (version 2022-11-28); inside they are ours. A local
forge adds fields GitHub lacks under `autarch`, so that one parser reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

API_VERSION = "2022-11-28"  # the newest that GitHub Enterprise servers in use know as well
ACCEPT_JSON = "application/vnd.github+json"
ACCEPT_RAW = "application/vnd.github.raw+json"
LOCAL_REPOSITORY = "local/autarch"
"""Owner and name under which a local forge serves its one repository."""

GATE_CONTEXT = "autarch/gate"
"""The status context that carries the gate's overall verdict on a head."""

REPORT_MARKER = "<!-- autarch:report -->"
"""First line of the one comment that carries the gate's report and is edited in place."""

COMMENT_LIMIT = 65_536  # characters, GitHub's
DESCRIPTION_LIMIT = 140  # characters of a status description, GitHub's
TITLE_LIMIT = 256  # characters, GitHub's

Role = Literal["human", "ci", "agent", "deployer"]
ROLES: tuple[Role, ...] = ("human", "ci", "agent", "deployer")
StatusState = Literal["pending", "success", "failure", "error"]
STATUS_STATES: tuple[StatusState, ...] = ("pending", "success", "failure", "error")
ReviewEvent = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who a token speaks for. `role` is None where the platform does not tell (github.com)."""

    login: str
    role: Role | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """The local forge's memory of its newest gate run on a pull request.

    `state` is queued, running, accepted, rejected or undecided; it speaks of (`head`, `base`) alone.
    """

    state: str
    head: str
    base: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """One pull request. `mergeable` is None where it was not computed, as in lists.

    `from_fork`: the head lives in another repository. `gate`, `blocked_by` and `provenance` are told by the
    local forge alone.
    """

    number: int
    title: str
    body: str
    state: Literal["open", "closed"]
    merged: bool
    author: str
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    labels: tuple[str, ...]
    url: str
    mergeable: bool | None = None
    mergeable_state: str = "unknown"
    merge_commit: str | None = None
    from_fork: bool = False
    gate: GateSummary | None = None
    blocked_by: str = ""
    provenance: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullFile:
    """One path a pull request changes."""

    path: str
    previous_path: str | None
    status: str
    additions: int
    deletions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One status of a commit; the newest of a context counts."""

    context: str
    state: StatusState
    description: str
    target_url: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedStatus:
    """All contexts' newest statuses: failure when any failed, pending when any waits or none exists."""

    state: StatusState
    statuses: tuple[Status, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment on a pull request."""

    id: int
    author: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One review; `state` is APPROVED, CHANGES_REQUESTED or COMMENTED, and speaks of `commit` alone."""

    id: int
    author: str
    state: str
    commit: str
    body: str


def parse_pull(raw: Mapping[str, Any]) -> Pull:
    """Return the pull request of GitHub's JSON object.

    Raises:
        KeyError: a field that every forge sends is absent.
    """
    local = raw.get("autarch") or {}
    gate = local.get("gate")
    return Pull(
        number=int(raw["number"]),
        title=str(raw["title"]),
        body=str(raw.get("body") or ""),
        state="open" if raw["state"] == "open" else "closed",
        merged=bool(raw.get("merged") or raw.get("merged_at")),
        author=_login(raw),
        head_ref=str(raw["head"]["ref"]),
        head_sha=str(raw["head"]["sha"]),
        base_ref=str(raw["base"]["ref"]),
        base_sha=str(raw["base"]["sha"]),
        labels=tuple(str(label["name"]) for label in raw.get("labels", ())),
        url=str(raw.get("html_url") or ""),
        mergeable=raw.get("mergeable"),
        mergeable_state=str(raw.get("mergeable_state") or "unknown"),
        merge_commit=raw.get("merge_commit_sha"),
        from_fork=_from_fork(raw),
        gate=GateSummary(**{key: str(gate[key]) for key in ("state", "head", "base", "sentence")}) if gate else None,
        blocked_by=str(local.get("blocked_by") or ""),
        provenance=tuple((str(key), str(value)) for key, value in (local.get("provenance") or {}).items()),
    )


def _from_fork(raw: Mapping[str, Any]) -> bool:
    """Return True when head and base name different repositories, or the head's was deleted."""
    if "repo" not in raw["head"] or "repo" not in raw["base"]:
        return False
    head, base = raw["head"]["repo"] or {}, raw["base"]["repo"] or {}
    return bool(head.get("full_name") != base.get("full_name"))


def parse_file(raw: Mapping[str, Any]) -> PullFile:
    """Return one changed file of GitHub's JSON object."""
    return PullFile(
        path=str(raw["filename"]),
        previous_path=raw.get("previous_filename"),
        status=str(raw["status"]),
        additions=int(raw["additions"]),
        deletions=int(raw["deletions"]),
    )


def parse_status(raw: Mapping[str, Any]) -> Status:
    """Return one status of GitHub's JSON object; an unknown state reads as error."""
    state = raw["state"]
    return Status(
        context=str(raw["context"]),
        state=state if state in STATUS_STATES else "error",
        description=str(raw.get("description") or ""),
        target_url=str(raw.get("target_url") or ""),
        author=str((raw.get("creator") or {}).get("login", "")),
    )


def parse_comment(raw: Mapping[str, Any]) -> Comment:
    """Return one comment of GitHub's JSON object."""
    return Comment(id=int(raw["id"]), author=_login(raw), body=str(raw.get("body") or ""))


def parse_review(raw: Mapping[str, Any]) -> Review:
    """Return one review of GitHub's JSON object."""
    return Review(
        id=int(raw["id"]),
        author=_login(raw),
        state=str(raw["state"]),
        commit=str(raw.get("commit_id") or ""),
        body=str(raw.get("body") or ""),
    )


def _login(raw: Mapping[str, Any]) -> str:
    return str((raw.get("user") or {}).get("login", "ghost"))
