"""GitHub's JSON objects, made from what the forge stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autarch.forge.pulls import CommentRecord, PullRecord, ReviewRecord
from autarch.forge.rules import RuleRefusedError
from autarch.forge.rules_main import Approval
from autarch.forge.shapes_common import (
    Place,
    label_json,
    node_of,
    number_of,
    repository_json,
    repository_raw,
    time_of,
    user_json,
)
from autarch.forge.statuses import StatusRecord, combine
from autarch.forge.wire import PullFile, ReviewEvent

_REVIEW_STATES: dict[ReviewEvent, str] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
_ASSOCIATIONS = {"human": "OWNER", "ci": "MEMBER", "agent": "CONTRIBUTOR", "deployer": "MEMBER"}
_PULL_LINKS = {
    "commits_url": "/pulls/{n}/commits",
    "review_comments_url": "/pulls/{n}/comments",
    "review_comment_url": "/pulls/comments{{/number}}",
    "comments_url": "/issues/{n}/comments",
    "issue_url": "/issues/{n}",
}


def pull_json(record: PullRecord, place: Place, *, whole: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return GitHub's pull request object; `whole` is what a list leaves out: see `whole_json`."""
    at = f"{place.api}/pulls/{record.number}"
    links = {name: f"{place.api}{path.format(n=record.number)}" for name, path in _PULL_LINKS.items()}
    page = f"{place.url}/pulls/{record.number}"
    merged = record.merged
    return {
        "id": number_of("pull", str(record.number)),
        "node_id": node_of("PR", record.number),
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "state": record.state,
        "draft": False,
        "locked": False,
        "merged_at": time_of(record.closed_ms) if merged else None,
        "merge_commit_sha": record.merge_commit,
        "user": user_json(record.author, place.url),
        "author_association": _ASSOCIATIONS[record.role],
        "labels": [label_json(label, place) for label in record.labels],
        "milestone": None,
        "auto_merge": None,
        "assignees": [],
        "requested_reviewers": [user_json(login, place.url) for login in record.requested],
        "requested_teams": [],
        "head": _side(record.head_ref, record.head, place),
        "base": _side("main", record.base, place),
        "url": at,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "statuses_url": f"{place.api}/statuses/{record.head}",
        **links,
        "_links": {
            "self": {"href": at},
            "html": {"href": page},
            "issue": {"href": links["issue_url"]},
            "comments": {"href": links["comments_url"]},
            "review_comments": {"href": links["review_comments_url"]},
            "review_comment": {"href": links["review_comment_url"]},
            "commits": {"href": links["commits_url"]},
            "statuses": {"href": f"{place.api}/statuses/{record.head}"},
        },
        "created_at": time_of(record.created_ms),
        "updated_at": time_of(record.updated_ms),
        "closed_at": time_of(record.closed_ms),
        **(whole or {}),
        "autarch": {"gate": _gate(record), **((whole or {}).get("autarch") or {})},
    }


def whole_json(  # noqa: PLR0913  what only a single one says, each from elsewhere
    record: PullRecord,
    place: Place,
    *,
    readiness: Approval | RuleRefusedError | None,
    provenance: Mapping[str, str],
    files: tuple[PullFile, ...],
    commits: int,
) -> dict[str, Any]:
    """Return what a single pull request says beyond one in a list."""
    return {
        "merged": record.merged,
        "merged_by": user_json(record.merged_by, place.url) if record.merged_by else None,
        "mergeable": _mergeable(readiness),
        "mergeable_state": _mergeable_state(readiness),
        "rebaseable": None,
        "maintainer_can_modify": False,
        "comments": len(record.comments),
        "review_comments": 0,
        "commits": commits,
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
        "autarch": {"blocked_by": _blocked_by(readiness), "provenance": dict(provenance)},
    }


def file_json(file: PullFile, place: Place, *, head: str) -> dict[str, Any]:
    """Return GitHub's diff entry. The blob's name is not told: nothing reads it."""
    return {
        "sha": None,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": None,
        "raw_url": None,
        "contents_url": f"{place.api}/contents/{file.path}?ref={head}",
    }


def issue_json(record: PullRecord, place: Place) -> dict[str, Any]:
    """Return GitHub's issue object of a pull request."""
    at, page = f"{place.api}/issues/{record.number}", f"{place.url}/pulls/{record.number}"
    pull = f"{place.api}/pulls/{record.number}"
    return {
        "id": number_of("issue", str(record.number)),
        "node_id": node_of("I", record.number),
        "number": record.number,
        "title": record.title,
        "body": record.body,
        "state": record.state,
        "locked": False,
        "comments": len(record.comments),
        "user": user_json(record.author, place.url),
        "author_association": _ASSOCIATIONS[record.role],
        "labels": [label_json(label, place) for label in record.labels],
        "milestone": None,
        "assignee": None,
        "assignees": [],
        "url": at,
        "repository_url": place.api,
        "labels_url": f"{at}/labels{{/name}}",
        "comments_url": f"{at}/comments",
        "events_url": f"{at}/events",
        "html_url": page,
        "pull_request": {"url": pull, "html_url": page, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"},
        "created_at": time_of(record.created_ms),
        "updated_at": time_of(record.updated_ms),
        "closed_at": time_of(record.closed_ms),
    }


def comment_json(record: CommentRecord, place: Place, *, number: int) -> dict[str, Any]:
    """Return GitHub's issue comment object."""
    return {
        "id": record.id,
        "node_id": node_of("IC", record.id),
        "url": f"{place.api}/issues/comments/{record.id}",
        "html_url": f"{place.url}/pulls/{number}",
        "issue_url": f"{place.api}/issues/{number}",
        "body": record.body,
        "user": user_json(record.author, place.url),
        "author_association": "NONE",
        "created_at": time_of(record.created_ms),
        "updated_at": time_of(record.updated_ms),
    }


def review_json(record: ReviewRecord, place: Place, *, number: int) -> dict[str, Any]:
    """Return GitHub's review object."""
    page, pull = f"{place.url}/pulls/{number}", f"{place.api}/pulls/{number}"
    return {
        "id": record.id,
        "node_id": node_of("PRR", record.id),
        "body": record.body,
        "user": user_json(record.author, place.url),
        "author_association": _ASSOCIATIONS[record.role],
        "state": _REVIEW_STATES[record.event],
        "commit_id": record.commit,
        "submitted_at": time_of(record.created_ms),
        "html_url": page,
        "pull_request_url": pull,
        "_links": {"html": {"href": page}, "pull_request": {"href": pull}},
    }


def status_json(record: StatusRecord, place: Place, *, sha: str) -> dict[str, Any]:
    """Return GitHub's status object."""
    return {
        "id": record.id,
        "node_id": node_of("SC", f"{sha[:12]}_{record.id}"),
        "url": f"{place.api}/statuses/{sha}",
        "avatar_url": None,
        "context": record.context,
        "state": record.state,
        "description": record.description,
        "target_url": record.target_url or None,
        "creator": user_json(record.author, place.url),
        "created_at": time_of(record.created_ms),
        "updated_at": time_of(record.created_ms),
    }


def combined_json(sha: str, latest: tuple[StatusRecord, ...], place: Place) -> dict[str, Any]:
    """Return GitHub's combined status object."""
    statuses = [status_json(status, place, sha=sha) for status in latest]
    return {
        "sha": sha,
        "state": combine(latest),
        "statuses": statuses,
        "total_count": len(statuses),
        "repository": repository_json(place),
        "commit_url": f"{place.api}/commits/{sha}",
        "url": f"{place.api}/commits/{sha}/status",
    }


def ref_json(name: str, oid: str, kind: str, place: Place) -> dict[str, Any]:
    """Return GitHub's ref object."""
    at = f"{place.api}/git/{name}"
    target = {"sha": oid, "type": kind, "url": f"{place.api}/git/{kind}s/{oid}"}
    return {"ref": name, "node_id": node_of("REF", name), "url": at, "object": target}


def _side(ref: str, sha: str, place: Place) -> dict[str, Any]:
    return {
        "ref": ref,
        "sha": sha,
        "label": f"{place.owner}:{ref}",
        "user": user_json(place.owner, place.url),
        "repo": repository_raw(place),
    }


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
