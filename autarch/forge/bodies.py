"""The request bodies a local forge accepts. Unknown keys are ignored, as GitHub does; an ill-typed one is 422."""

from __future__ import annotations

import msgspec

from autarch.forge.wire import ReviewEvent


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


class ReviewersBody(msgspec.Struct, frozen=True, kw_only=True):
    """POST /pulls/{n}/requested_reviewers."""

    reviewers: tuple[str, ...] = ()
    team_reviewers: tuple[str, ...] = ()
