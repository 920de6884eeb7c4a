"""The REST routes: one small function each, from a call to a reply, without HTTP around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec

from autarch.forge import bodies, shapes
from autarch.forge.desk import DeniedError
from autarch.forge.files import changed_files
from autarch.forge.office import Office
from autarch.forge.provenance import provenance
from autarch.forge.pulls import COMMENTS_PER_PULL, PullRecord
from autarch.forge.rules import LEDGER, MAIN, RuleRefusedError
from autarch.forge.rules_main import Approval
from autarch.forge.shapes_common import Place, account_json, label_json, repository_json
from autarch.forge.statuses import NewStatus
from autarch.forge.wire import Account, StatusState

PER_PAGE, PER_PAGE_MAX = 30, 100  # GitHub's
PAGE_MAX = 100_000
_Body = TypeVar("_Body")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request. `path` holds the route's parameters, `url` is the path asked for."""

    office: Office
    account: Account
    url: str
    path: Mapping[str, Any]
    query: Mapping[str, str]
    content: bytes
    accept: str = ""
    kind: str = ""

    def body(self, kind: type[_Body]) -> _Body:
        """Return the JSON body.

        Raises:
            DeniedError: 400 no JSON, 422 a field.
        """
        try:
            return msgspec.json.decode(self.content, type=kind, strict=True)
        except msgspec.ValidationError as error:
            raise DeniedError(422, str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DeniedError(400, f"the body is not JSON: {error}") from error

    @property
    def place(self) -> Place:
        """Where this forge answers."""
        return Place(url=self.office.url, repository=self.office.repository)

    @property
    def number(self) -> int:
        """The pull request's number in the path."""
        return int(self.path["number"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a route answers; a body of None is an empty one."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]


def user(call: Call) -> Reply:
    """GET /user."""
    return Reply(body=account_json(call.account, call.office.url))


def repository(call: Call) -> Reply:
    """GET /repos/{o}/{r}."""
    return Reply(body=repository_json(call.place))


def open_pull(call: Call) -> Reply:
    """POST /pulls."""
    body = call.body(bodies.OpenBody)
    record = call.office.desk.open_pull(
        call.account, head=body.head, title=body.title, body=body.body or "", base=body.base
    )
    return Reply(body=_whole(call, record), status=201)


def list_pulls(call: Call) -> Reply:
    """GET /pulls?state=&head=owner:branch&base=."""
    state = call.query.get("state", "open")
    head = call.query.get("head")
    if state not in {"open", "closed", "all"}:
        raise DeniedError(422, f"state is {state!r}; expected open, closed or all")
    records = [
        record
        for record in reversed(call.office.desk.pulls.all())
        if state in {"all", record.state} and (head is None or head.partition(":")[2] == record.head_ref)
    ]
    if call.query.get("base", "main") != "main":
        records = []
    page, headers = page_of(call, records)
    return Reply(body=[_pull(call, record) for record in page], headers=headers)


def get_pull(call: Call) -> Reply:
    """GET /pulls/{n}."""
    desk = call.office.desk
    record = desk.pull(call.number)
    return Reply(body=_whole(call, record, desk.readiness(record) if record.state == "open" else None))


def edit_pull(call: Call) -> Reply:
    """PATCH /pulls/{n}."""
    body = call.body(bodies.EditBody)
    record = call.office.desk.edit_pull(call.account, call.number, title=body.title, body=body.body, state=body.state)
    return Reply(body=_whole(call, record))


def list_files(call: Call) -> Reply:
    """GET /pulls/{n}/files."""
    desk = call.office.desk
    record = desk.pull(call.number)
    page, headers = page_of(call, changed_files(call.office.repo, record, main=desk.main()))
    return Reply(body=[shapes.file_json(file, call.place, head=record.head) for file in page], headers=headers)


def merge_pull(call: Call) -> Reply:
    """PUT /pulls/{n}/merge."""
    body = call.body(bodies.MergeBody)
    if body.merge_method != "merge":
        raise DeniedError(405, f"merge_method is {body.merge_method!r}; only merge keeps what was judged")
    sha = call.office.desk.merge(call.account, call.number, sha=body.sha)
    return Reply(body={"sha": sha, "merged": True, "message": "Pull request merged"})


def add_review(call: Call) -> Reply:
    """POST /pulls/{n}/reviews."""
    body = call.body(bodies.ReviewBody)
    review = call.office.talk.review(call.account, call.number, event=body.event, commit=body.commit_id, body=body.body)
    return Reply(body=shapes.review_json(review, call.place, number=call.number))


def list_reviews(call: Call) -> Reply:
    """GET /pulls/{n}/reviews."""
    page, headers = page_of(call, call.office.desk.pull(call.number).reviews)
    return Reply(body=[shapes.review_json(review, call.place, number=call.number) for review in page], headers=headers)


def add_comment(call: Call) -> Reply:
    """POST /issues/{n}/comments."""
    comment = call.office.talk.comment(call.account, call.number, call.body(bodies.CommentBody).body)
    return Reply(body=shapes.comment_json(comment, call.place, number=call.number), status=201)


def list_comments(call: Call) -> Reply:
    """GET /issues/{n}/comments."""
    page, headers = page_of(call, call.office.desk.pull(call.number).comments)
    return Reply(
        body=[shapes.comment_json(comment, call.place, number=call.number) for comment in page], headers=headers
    )


def edit_comment(call: Call) -> Reply:
    """PATCH /issues/comments/{id}."""
    body = call.body(bodies.CommentBody).body
    comment = call.office.talk.edit_comment(call.account, call.number, body)
    return Reply(body=shapes.comment_json(comment, call.place, number=comment.id // COMMENTS_PER_PULL))


def list_issues(call: Call) -> Reply:
    """GET /issues?state=&labels=one,and,another: pull requests that carry all of these labels."""
    state = call.query.get("state", "open")
    if state not in {"open", "closed", "all"}:
        raise DeniedError(422, f"state is {state!r}; expected open, closed or all")
    wanted = {label for label in call.query.get("labels", "").split(",") if label}
    records = [
        record
        for record in reversed(call.office.desk.pulls.all())
        if state in {"all", record.state} and wanted <= set(record.labels)
    ]
    page, headers = page_of(call, records)
    shown = [shapes.issue_json(record, call.place) for record in page]
    return Reply(body=shown, headers=headers)


def list_labels(call: Call) -> Reply:
    """GET /issues/{n}/labels."""
    page, headers = page_of(call, call.office.desk.pull(call.number).labels)
    return Reply(body=[label_json(label, call.place) for label in page], headers=headers)


def add_labels(call: Call) -> Reply:
    """POST /issues/{n}/labels."""
    labels = call.office.talk.set_labels(call.account, call.number, add=call.body(bodies.LabelsBody).labels)
    return Reply(body=[label_json(label, call.place) for label in labels])


def remove_label(call: Call) -> Reply:
    """DELETE /issues/{n}/labels/{name}."""
    labels = call.office.talk.set_labels(call.account, call.number, remove=(str(call.path["label"]),))
    return Reply(body=[label_json(label, call.place) for label in labels])


def add_status(call: Call) -> Reply:
    """POST /statuses/{sha}."""
    body = call.body(bodies.StatusBody)
    new = NewStatus(
        context=body.context,
        state=cast("StatusState", body.state),  # the talk refuses any other word
        description=body.description or "",
        target_url=body.target_url or "",
    )
    sha = str(call.path["sha"])
    status = call.office.talk.set_status(call.account, sha, new)
    return Reply(body=shapes.status_json(status, call.place, sha=sha), status=201)


def list_statuses(call: Call) -> Reply:
    """GET /commits/{ref}/statuses."""
    sha = commit_of(call)
    page, headers = page_of(call, call.office.statuses.of(sha))
    return Reply(body=[shapes.status_json(status, call.place, sha=sha) for status in page], headers=headers)


def combined_status(call: Call) -> Reply:
    """GET /commits/{ref}/status."""
    sha = commit_of(call)
    return Reply(body=shapes.combined_json(sha, call.office.statuses.latest(sha), call.place))


def get_ref(call: Call) -> Reply:
    """GET /git/ref/{heads/...|tags/...}."""
    name = f"refs/{call.path['ref']}"
    oid = call.office.repo.read_ref(name)
    if oid is None:
        raise DeniedError(404, f"there is no {name}")
    return Reply(body=shapes.ref_json(name, oid, call.office.repo.kind_of(oid), call.place))


def list_branches(call: Call) -> Reply:
    """GET /branches."""
    prefix = "refs/heads/"
    page, headers = page_of(call, tuple(call.office.repo.refs(prefix).items()))
    return Reply(body=[_branch(call, name.removeprefix(prefix), oid) for name, oid in page], headers=headers)


def rerun_gate(call: Call) -> Reply:
    """POST /pulls/{n}/autarch/rerun: judge the present head again after an undecided run."""
    record = call.office.desk.rerun(call.account, call.number)
    return Reply(body=_whole(call, record), status=202)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/user", user),
    ("GET", "", repository),
    ("POST", "/pulls", open_pull),
    ("GET", "/pulls", list_pulls),
    ("GET", "/pulls/{number:int}", get_pull),
    ("PATCH", "/pulls/{number:int}", edit_pull),
    ("GET", "/pulls/{number:int}/files", list_files),
    ("PUT", "/pulls/{number:int}/merge", merge_pull),
    ("POST", "/pulls/{number:int}/reviews", add_review),
    ("GET", "/pulls/{number:int}/reviews", list_reviews),
    ("POST", "/pulls/{number:int}/autarch/rerun", rerun_gate),
    ("POST", "/issues/{number:int}/comments", add_comment),
    ("GET", "/issues/{number:int}/comments", list_comments),
    ("PATCH", "/issues/comments/{number:int}", edit_comment),
    ("GET", "/issues", list_issues),
    ("GET", "/issues/{number:int}/labels", list_labels),
    ("POST", "/issues/{number:int}/labels", add_labels),
    ("DELETE", "/issues/{number:int}/labels/{label:path}", remove_label),
    ("POST", "/statuses/{sha}", add_status),
    ("GET", "/commits/{ref:path}/statuses", list_statuses),
    ("GET", "/commits/{ref:path}/status", combined_status),
    ("GET", "/git/ref/{ref:path}", get_ref),
    ("GET", "/branches", list_branches),
)
"""Method, path below /repos/{owner}/{name} (`/user` alone stands at the root), handler."""


def _pull(call: Call, record: PullRecord) -> dict[str, Any]:
    return shapes.pull_json(record, call.place)


def _whole(call: Call, record: PullRecord, readiness: Approval | RuleRefusedError | None = None) -> dict[str, Any]:
    repo, main = call.office.repo, call.office.desk.main()
    whole = shapes.whole_json(
        record,
        call.place,
        readiness=readiness,
        provenance=provenance(repo, record),
        files=changed_files(repo, record, main=main),
        commits=len(repo.commits(record.head, exclude=record.base)),
    )
    return shapes.pull_json(record, call.place, whole=whole)


def _branch(call: Call, name: str, oid: str) -> dict[str, Any]:
    commit = {"sha": oid, "url": f"{call.place.api}/commits/{oid}"}
    return {"name": name, "commit": commit, "protected": f"refs/heads/{name}" in {MAIN, LEDGER}}


def commit_of(call: Call) -> str:
    """Return the commit that the path names.

    Raises:
        DeniedError: 404.
    """
    sha = call.office.repo.resolve(str(call.path["ref"]))
    if sha is None:
        raise DeniedError(404, f"no commit {call.path['ref']!r}")
    return sha


_Item = TypeVar("_Item")


def page_of(call: Call, items: Sequence[_Item]) -> tuple[Sequence[_Item], dict[str, str]]:
    """Return the page asked for and the headers that lead to the next.

    Raises:
        DeniedError: 422 no such page could be meant.
    """
    per_page = min(_counted(call, "per_page", PER_PAGE), PER_PAGE_MAX)
    page = min(_counted(call, "page", 1), PAGE_MAX)
    last = max(1, -(-len(items) // per_page))
    links = [] if page >= last else [("next", page + 1), ("last", last)]
    headers = {"Link": ", ".join(f'<{_page_url(call, at)}>; rel="{name}"' for name, at in links)} if links else {}
    return items[(page - 1) * per_page : page * per_page], headers


def _page_url(call: Call, page: int) -> str:
    return f"{call.office.url}{call.url}?{urlencode({**call.query, 'page': page})}"


def _counted(call: Call, name: str, default: int) -> int:
    written = call.query.get(name, "")
    if not written:
        return default
    if not written.isascii() or not written.isdigit() or len(written) > 9 or int(written) < 1:
        raise DeniedError(422, f"{name} is {written!r}; expected a positive number")
    return int(written)
