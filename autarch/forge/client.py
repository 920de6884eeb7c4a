"""A client for the part of GitHub's REST API that Autarch needs, and for git beside it.

The same calls reach github.com, GitHub Enterprise and the local forge. Decide on status codes, never
on texts.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self, Unpack
from urllib.parse import quote

import httpx

from autarch.errors import UndecidedError
from autarch.forge import wire
from autarch.forge.answers import ForgeRefusedError, RateLimitedError
from autarch.forge.client_actions import Actions
from autarch.forge.client_admin import Admin
from autarch.forge.client_checks import Checks
from autarch.forge.client_pulls import Pulls
from autarch.forge.client_talk import Talk
from autarch.forge.credentials import Credential, Token
from autarch.forge.transport import Seams, Transport
from autarch.forge.wire import CombinedStatus, Pull, Status, StatusState
from autarch.forge.wire_more import CheckRun
from autarch.repo.runner import Remote
from autarch.workspace import git_url_of

__all__ = ["ForgeClient", "ForgeRefusedError", "RateLimitedError"]

CONTENT_BYTES_MAX = 1024 * 1024
GATE_WORKFLOW = "gate.yml"
OURS = "autarch/"
"""What the names of our checks begin with."""

UNDECIDED = frozenset({"action_required", "cancelled", "stale", "timed_out"})
"""Conclusions that block and judge nothing."""


class ForgeClient(Pulls, Talk, Checks, Actions, Admin):
    """Speaks to one repository of one forge as one caller; a context manager.

    Every method raises `ForgeRefusedError` when the forge says no, `RateLimitedError` when it wants fewer
    requests, and `UndecidedError` when it cannot be reached or answers what no forge answers.
    """

    def __init__(self, base_url: str, repository: str, token: str | Credential, **seams: Unpack[Seams]) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            base_url: Root of the REST API, such as `http://127.0.0.1:4711`, `https://api.github.com` or
                `https://github.example.com/api/v3`.
            repository: `owner/name`.
            token: The caller's secret, or a credential that finds one; sent in a header only.
            seams: What else it depends on.

        Raises:
            UsageError: `repository` or `base_url` has another shape.
        """
        credential = Token(token) if isinstance(token, str) else token
        super().__init__(Transport(base_url, repository, credential, **seams))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def base_url(self) -> str:
        """Root of the REST API, without a trailing slash."""
        return self._transport.base_url

    @property
    def repository(self) -> str:
        """`owner/name`, as this client was told."""
        return self._transport.repository

    @property
    def calls(self) -> int:
        """How many requests were sent, repeated ones too."""
        return self._transport.calls

    @property
    def served_at_s(self) -> float | None:
        """When the forge says it answered last, epoch seconds; None before the first answer."""
        return self._transport.served_at_s

    # -- the gate -------------------------------------------------------------------------------

    def verdicts(self, sha: str, *, app_id: int | None = None) -> CombinedStatus:
        """Return what was said of a commit, by status or by check run, which are a platform's two forms of it.

        With `app_id`, our own contexts are believed from that App's check runs alone: a status may be set by
        whoever may write.
        """
        combined = self.combined_status(sha)
        runs = {run.name: _said(run) for run in reversed(self.check_runs(sha, app_id=app_id))}
        statuses = {s.context: s for s in combined.statuses if app_id is None or not s.context.startswith(OURS)}
        said = statuses | runs
        states = {status.state for status in said.values()}
        state: StatusState = "success" if states == {"success"} else "pending"
        if states & {"failure", "error"}:
            state = "failure"
        return CombinedStatus(state=state, statuses=tuple(said[context] for context in sorted(said)))

    def rerun_gate(self, number: int) -> Pull:
        """Have the present head judged again: by a local forge itself, elsewhere by its newest run of the gate.

        Raises:
            ForgeRefusedError: 403 the token may not ask, 404 no run of the gate has seen this head.
        """
        try:
            return wire.parse_pull(self._json("POST", f"/pulls/{number}/autarch/rerun", {}))
        except ForgeRefusedError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
        pull = self.pull(number)
        runs = self.workflow_runs(GATE_WORKFLOW, most=1, head_sha=pull.head_sha)
        if not runs:
            raise ForgeRefusedError(
                httpx.codes.NOT_FOUND, f"no run of {GATE_WORKFLOW} has seen {pull.head_sha[:12]}; push the head again"
            )
        self.rerun_workflow(runs[0].id)
        return pull

    # -- git ------------------------------------------------------------------------------------

    @property
    def git_url(self) -> str:
        """URL of the git remote, without credentials."""
        return git_url_of(self.base_url, self.repository)

    def git_remote(self) -> Remote:
        """Return what git pushes to and fetches from; the token travels in git's environment only."""
        return Remote(url=self.git_url, token=self._transport.token())

    def ref(self, name: str) -> str | None:
        """Return the object a ref names (`heads/main`, `tags/v1.2.0`), or None when there is none."""
        try:
            raw = self._json("GET", f"/git/ref/{quote(name.removeprefix('refs/'))}")
        except ForgeRefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return str(raw["object"]["sha"])

    def create_ref(self, name: str, sha: str) -> None:
        """Make a ref (`heads/...`) at a commit the forge has.

        Raises:
            ForgeRefusedError: 422 it exists, or the commit does not; or a rule stands against it.
        """
        self._json("POST", "/git/refs", {"ref": f"refs/{name.removeprefix('refs/')}", "sha": sha})

    def move_ref(self, name: str, sha: str, *, force: bool = False) -> None:
        """Move a ref; `force` where that is no fast-forward.

        Raises:
            ForgeRefusedError: 422 no fast-forward, no such ref, or a rule stands against it.
        """
        self._json("PATCH", f"/git/refs/{quote(name.removeprefix('refs/'))}", {"sha": sha, "force": force})

    def delete_ref(self, name: str) -> None:
        """Delete a ref."""
        self._json("DELETE", f"/git/refs/{quote(name.removeprefix('refs/'))}")

    def branches(self) -> dict[str, str]:
        """Return every branch with its commit."""
        return {str(raw["name"]): str(raw["commit"]["sha"]) for raw in self._pages("/branches")}

    def content(self, path: str, *, ref: str = "main", size_max: int = CONTENT_BYTES_MAX) -> bytes | None:
        """Return a file at a ref, or None when there is none.

        Raises:
            UndecidedError: larger than `size_max`.
        """
        url = f"{self._root('/contents/')}{quote(path)}?{httpx.QueryParams({'ref': ref})}"
        try:
            answer = self._transport.send("GET", url, accept=wire.ACCEPT_RAW)
        except ForgeRefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        if len(answer.content) > size_max:
            raise UndecidedError(f"{path} at {ref} has {len(answer.content)} bytes; expected at most {size_max}")
        return answer.content


def _said(run: CheckRun) -> Status:
    states: dict[str, StatusState] = {"success": "success", "neutral": "success", "skipped": "success"}
    state = states.get(run.conclusion or "", "error" if run.conclusion in UNDECIDED else "failure")
    return Status(
        context=run.name,
        state=state if run.status == "completed" else "pending",
        description=run.output.title or "",
        target_url=run.html_url or "",
        author=run.app.slug if run.app is not None else "",
    )
