"""The event that started a workflow, read for the few fields a step believes.

GitHub writes the file, so its shape is GitHub's and unknown fields are skipped; but titles, branch names and
comments in it are whatever a stranger typed. What is kept is a number, a full commit id or a word of a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from autarch.errors import UsageError

EVENT_BYTES_MAX = 4 * 1024 * 1024
COMMENT_CHARS_MAX = 65_536
GATE_PATH = ".github/workflows/gate.yml"
"""The workflow whose runs the trusted half follows; one of another path, whatever its name, is refused."""

_QUEUED = re.compile(r"gh-readonly-queue/main/pr-(\d{1,9})-[0-9a-f]{40}\Z")
_T = TypeVar("_T")


class _Repository(msgspec.Struct, frozen=True):
    id: int = 0


class _Ref(msgspec.Struct, frozen=True):
    sha: str
    ref: str = ""
    repo: _Repository | None = None


class _Named(msgspec.Struct, frozen=True):
    full_name: str
    id: int = 0


class _Pull(msgspec.Struct, frozen=True):
    number: int
    head: _Ref
    base: _Ref


class _Run(msgspec.Struct, frozen=True):
    id: int
    event: str
    path: str
    head_sha: str
    head_branch: str | None = None
    conclusion: str | None = None
    run_attempt: int = 1
    pull_requests: tuple[_Pull, ...] = ()


class _WorkflowRun(msgspec.Struct, frozen=True):
    workflow_run: _Run
    repository: _Named


class _PullRequest(msgspec.Struct, frozen=True):
    pull_request: _Pull
    repository: _Named


class _Queue(msgspec.Struct, frozen=True):
    head_sha: str
    base_sha: str
    head_ref: str = ""


class _MergeGroup(msgspec.Struct, frozen=True):
    merge_group: _Queue
    repository: _Named


class _Author(msgspec.Struct, frozen=True):
    login: str
    type: str = "User"


class _Comment(msgspec.Struct, frozen=True):
    id: int
    body: str
    user: _Author


class _Issue(msgspec.Struct, frozen=True):
    number: int
    state: str = "open"
    pull_request: dict[str, object] | None = None


class _Commented(msgspec.Struct, frozen=True):
    issue: _Issue
    comment: _Comment
    repository: _Named


class _Push(msgspec.Struct, frozen=True):
    ref: str
    after: str
    before: str
    repository: _Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """What the untrusted half judges: `head` merged onto `base`; `number` is None where the event names none."""

    repository: str
    number: int | None
    head: str
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """The run of the untrusted half that the trusted half follows. `number`: None where GitHub does not say.

    `succeeded` is whether it ended well, None while it runs.
    """

    repository: str
    run_id: int
    attempt: int
    head: str
    number: int | None
    queued: bool
    succeeded: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commented:
    """A comment on a pull request, and who wrote it. `body` is untrusted."""

    repository: str
    number: int
    comment_id: int
    body: str
    login: str
    is_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A reference that moved to `after`; `before` is None where it was made."""

    repository: str
    ref: str
    before: str | None
    after: str


def parse_proposed(content: bytes, name: Literal["pull_request", "merge_group"]) -> Proposed:
    """Return what a `pull_request` or `merge_group` event proposes.

    Raises:
        UsageError: it is no such event, or not of a pull request onto main.
    """
    if name == "merge_group":
        group = _read(content, _MergeGroup)
        queue = group.merge_group
        return Proposed(
            repository=group.repository.full_name,
            number=_number_in(queue.head_ref.removeprefix("refs/heads/")),
            head=commit_id(queue.head_sha),
            base=commit_id(queue.base_sha),
        )
    found = _read(content, _PullRequest)
    pull = found.pull_request
    if pull.base.ref != "main":
        raise UsageError(f"pull request {pull.number} is onto {pull.base.ref!r}; only those onto main are judged")
    return Proposed(
        repository=found.repository.full_name,
        number=pull.number,
        head=commit_id(pull.head.sha),
        base=commit_id(pull.base.sha),
    )


def parse_gate_run(content: bytes) -> GateRun:
    """Return the run that a `workflow_run` event tells of.

    Raises:
        UsageError: no such event, or not a run of gate.yml for a pull request or a merge queue.
    """
    found = _read(content, _WorkflowRun)
    run = found.workflow_run
    if run.path.partition("@")[0] != GATE_PATH:
        raise UsageError(f"the run is of {run.path!r}; only runs of {GATE_PATH} are followed")
    if run.event not in {"pull_request", "merge_group"}:
        raise UsageError(f"the run was started by {run.event!r}; only pull_request and merge_group are followed")
    head = commit_id(run.head_sha)
    queued = run.event == "merge_group"
    # A run is said to have every pull request with its head, those that somebody opened in a fork of theirs included.
    ours = [pull for pull in run.pull_requests if pull.base.repo is None or pull.base.repo.id == found.repository.id]
    named = [pull.number for pull in ours if pull.head.sha == head and pull.base.ref == "main"]
    number = _number_in(run.head_branch or "") if queued else min(named, default=None)
    return GateRun(
        repository=found.repository.full_name,
        run_id=run.id,
        attempt=run.run_attempt,
        head=head,
        number=number,
        queued=queued,
        succeeded=None if run.conclusion is None else run.conclusion == "success",
    )


def parse_comment(content: bytes) -> Commented:
    """Return the comment of an `issue_comment` event.

    Raises:
        UsageError: no such event, not on an open pull request, or longer than GitHub allows.
    """
    found = _read(content, _Commented)
    if found.issue.pull_request is None or found.issue.state != "open":
        raise UsageError(f"comment {found.comment.id} is not on an open pull request; there is nothing to do")
    if len(found.comment.body) > COMMENT_CHARS_MAX:
        raise UsageError(f"comment {found.comment.id} has {len(found.comment.body)} characters; none is that long")
    return Commented(
        repository=found.repository.full_name,
        number=found.issue.number,
        comment_id=found.comment.id,
        body=found.comment.body,
        login=found.comment.user.login,
        is_person=found.comment.user.type == "User",
    )


def parse_push(content: bytes) -> Pushed:
    """Return what a `push` event moved.

    Raises:
        UsageError: no such event, or the reference was deleted.
    """
    found = _read(content, _Push)
    before = commit_id(found.before)
    return Pushed(
        repository=found.repository.full_name,
        ref=found.ref,
        before=None if set(before) == {"0"} else before,
        after=_existing(commit_id(found.after)),
    )


def commit_id(text: str) -> str:
    """Return `text` when it is a full commit id.

    Raises:
        UsageError: it is not.
    """
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise UsageError(f"found {text[:64]!r} in the event; expected a full commit id")
    return text


def _existing(oid: str) -> str:
    if set(oid) == {"0"}:
        raise UsageError("the event tells of a deletion; there is nothing to do")
    return oid


def _number_in(branch: str) -> int | None:
    match = _QUEUED.match(branch)
    return None if match is None else int(match[1])


def _read(content: bytes, kind: type[_T]) -> _T:
    if len(content) > EVENT_BYTES_MAX:
        raise UsageError(f"the event has {len(content)} bytes; at most {EVENT_BYTES_MAX} are read")
    try:
        return msgspec.json.decode(content, type=kind, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the event is none that this step follows: {error}; check the workflow's triggers") from error
