"""GitHub's JSON objects, made from what the forge stores, and the bodies it accepts.

Unknown keys of a body are ignored, as GitHub does; a missing or ill-typed one is 422.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from autarch.forge.pulls import CommentRecord, PullRecord, ReviewRecord
from autarch.forge.rules import RuleRefusedError
from autarch.forge.rules_main import Approval
from autarch.forge.statuses import StatusRecord, combine
from autarch.forge.wire import Account, ReviewEvent

_REVIEW_STATES: dict[ReviewEvent, str] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}


class OpenBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /pulls."""

    title: str
    head: str
    base: str
    body: str | None = None


class EditBody(msgspec.Struct, frozen=True, kw_only=True):
    """PATCH /pulls/{n}."""

    title: str | None = None
    body: str | None = None
    state: str | None = None


class MergeBody(msgspec.Struct, frozen=True, kw_only=True):
    """PUT /pulls/{n}/merge; `sha` is required here: a merge of an unread head is never meant."""

    sha: str
    merge_method: str = "merge"


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /pulls/{n}/reviews."""

    event: ReviewEvent
    commit_id: str
    body: str = ""


class CommentBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST and PATCH of comments."""

    body: str


class LabelsBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /issues/{n}/labels."""

    labels: tuple[str, ...]


class StatusBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /statuses/{sha}."""

    state: str
    context: str = "default"
    description: str | None = None
    target_url: str | None = None


def user_json(account: Account) -> dict[str, Any]:
    """Return GitHub's user object, with the role beside it."""
    return {"login": account.login, "type": "User", "autarch": {"role": account.role}}


def pull_json(
    record: PullRecord,
    *,
    url: str,
    repository: str,
    readiness: Approval | RuleRefusedError | None = None,
    provenance: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return GitHub's pull request object; `mergeable` is null unless `readiness` was computed."""
    owner = repository.partition("/")[0]
    page = f"{url}/pulls/{record.number}"
    return {
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "state": record.state,
        "draft": False,
        "merged": record.merged,
        "merged_at": _time(record.closed_ms) if record.merged else None,
        "merged_by": {"login": record.merged_by} if record.merged_by else None,
        "merge_commit_sha": record.merge_commit,
        "mergeable": _mergeable(readiness),
        "mergeable_state": _mergeable_state(readiness),
        "user": {"login": record.author, "type": "User"},
        "labels": [{"name": label} for label in record.labels],
        "head": {"ref": record.head_ref, "sha": record.head, "label": f"{owner}:{record.head_ref}"},
        "base": {"ref": "main", "sha": record.base, "label": f"{owner}:main"},
        "html_url": page,
        "url": f"{url}/repos/{repository}/pulls/{record.number}",
        "created_at": _time(record.created_ms),
        "updated_at": _time(record.updated_ms),
        "closed_at": _time(record.closed_ms),
        "autarch": {
            "gate": _gate(record),
            "blocked_by": _blocked_by(readiness),
            "provenance": dict(provenance or {}),
        },
    }


def issue_json(record: PullRecord, *, url: str, repository: str) -> dict[str, Any]:
    """Return GitHub's issue object of a pull request: every one is an issue, and here there are no others."""
    return {
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "state": record.state,
        "user": {"login": record.author, "type": "User"},
        "labels": [{"name": label} for label in record.labels],
        "html_url": f"{url}/pulls/{record.number}",
        "url": f"{url}/repos/{repository}/issues/{record.number}",
        "pull_request": {"url": f"{url}/repos/{repository}/pulls/{record.number}"},
        "created_at": _time(record.created_ms),
        "updated_at": _time(record.updated_ms),
        "closed_at": _time(record.closed_ms),
    }


def comment_json(record: CommentRecord) -> dict[str, Any]:
    """Return GitHub's issue comment object."""
    return {
        "id": record.id,
        "body": record.body,
        "user": {"login": record.author, "type": "User"},
        "created_at": _time(record.created_ms),
        "updated_at": _time(record.updated_ms),
    }


def review_json(record: ReviewRecord) -> dict[str, Any]:
    """Return GitHub's review object."""
    return {
        "id": record.id,
        "body": record.body,
        "user": {"login": record.author, "type": "User"},
        "state": _REVIEW_STATES[record.event],
        "commit_id": record.commit,
        "submitted_at": _time(record.created_ms),
    }


def status_json(record: StatusRecord) -> dict[str, Any]:
    """Return GitHub's status object."""
    return {
        "id": record.id,
        "context": record.context,
        "state": record.state,
        "description": record.description,
        "target_url": record.target_url or None,
        "creator": {"login": record.author, "type": "User"},
        "created_at": _time(record.created_ms),
    }


def combined_json(sha: str, latest: tuple[StatusRecord, ...]) -> dict[str, Any]:
    """Return GitHub's combined status object."""
    statuses = [status_json(status) for status in latest]
    return {"sha": sha, "state": combine(latest), "statuses": statuses, "total_count": len(statuses)}


def _gate(record: PullRecord) -> dict[str, str] | None:
    gate = record.gate
    if gate is None or gate.head != record.head:  # a verdict on an old head is no verdict on this one
        return None
    return {"state": gate.state, "head": gate.head, "base": gate.base, "sentence": gate.sentence}


def _mergeable(readiness: Approval | RuleRefusedError | None) -> bool | None:
    return None if readiness is None else isinstance(readiness, Approval)


def _mergeable_state(readiness: Approval | RuleRefusedError | None) -> str:
    if readiness is None:
        return "unknown"
    if isinstance(readiness, Approval):
        return "clean"
    return "dirty" if readiness.rule == "conflict" else "blocked"


def _blocked_by(readiness: Approval | RuleRefusedError | None) -> str:
    return f"{readiness.rule}: {readiness.why}" if isinstance(readiness, RuleRefusedError) else ""


def _time(epoch_ms: int | None) -> str | None:
    if epoch_ms is None:
        return None
    return dt.datetime.fromtimestamp(epoch_ms // 1000, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
