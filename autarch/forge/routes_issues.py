"""Issues of a local forge: title, body, author. `refs/autarch/issues/<n>` holds each as one commit with issue.json.

They share their numbers with pull requests, as on GitHub, and are written once: what was asked for stays.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from autarch.canonical import EpochMs
from autarch.forge import shapes
from autarch.forge.desk import DeniedError, need_role, need_text
from autarch.forge.keeping import keep, parse
from autarch.forge.pulls import ISSUES, PullRecord
from autarch.forge.routes import Call, Handler, Reply
from autarch.forge.wire import Role

FILE = "issue.json"
ISSUES_MAX = 100_000


class IssueRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One issue, as it was written."""

    schema: Literal[1] = 1
    number: int
    title: str
    body: str
    author: str
    role: Role
    created_ms: EpochMs


class NewIssue(msgspec.Struct, frozen=True, kw_only=True):
    """POST /issues."""

    title: str
    body: str | None = None


def open_issue(call: Call) -> Reply:
    """POST /issues: humans ask here, agents answer with pull requests."""
    need_role(call.account, ("human",), "opens issues")
    body, desk = call.body(NewIssue), call.office.desk
    need_text(body.title, body.body or "")
    with desk.pulls.numbering() as number:
        if number > ISSUES_MAX:
            raise DeniedError(422, f"there are {number - 1} issues and pull requests; a local forge keeps no more")
        record = IssueRecord(
            number=number,
            title=body.title,
            body=body.body or "",
            author=call.account.login,
            role=call.account.role or "human",
            created_ms=desk.clock(),
        )
        why = f"Open issue {number} by {record.author}"
        keep(call.office.repo, f"{ISSUES}{number}", record, file=FILE, why=why, when_ms=record.created_ms, after=None)
    return Reply(body=_shown(call, record), status=201)


def get_issue(call: Call) -> Reply:
    """GET /issues/{n}: an issue, or a pull request as GitHub shows it there."""
    pull = call.office.desk.pulls.get(call.number)
    if pull is not None:
        return Reply(body=shapes.issue_json(pull, call.place))
    tip = call.office.repo.read_ref(f"{ISSUES}{call.number}")
    if tip is None:
        raise DeniedError(404, f"there is no issue {call.number}")
    return Reply(body=_shown(call, parse(call.office.repo.blob_at(tip, FILE) or b"", IssueRecord, what="issue")))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/issues", open_issue),
    ("GET", "/issues/{number:int}", get_issue),
)


def _shown(call: Call, issue: IssueRecord) -> dict[str, Any]:
    """Return GitHub's issue object: a pull request's without what makes it one."""
    like = PullRecord(
        number=issue.number,
        title=issue.title,
        body=issue.body,
        author=issue.author,
        role=issue.role,
        head_ref="",
        head="",
        base="",
        created_ms=issue.created_ms,
        updated_ms=issue.created_ms,
    )
    shown = shapes.issue_json(like, call.place)
    del shown["pull_request"]
    return shown | {"html_url": shown["url"]}
