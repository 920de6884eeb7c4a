"""A client for the small part of GitHub's REST API that Autarch needs, and for git beside it.

The same calls reach github.com and the local forge. Decide on status codes, never on texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from autarch.errors import RefusedError, UndecidedError, UsageError
from autarch.forge import wire
from autarch.forge.wire import (
    Account,
    CombinedStatus,
    Comment,
    Pull,
    PullFile,
    Review,
    ReviewEvent,
    Status,
    StatusState,
)
from autarch.repo.runner import Remote

TIMEOUT_S = 30.0  # a merge on the local forge checks every signature before it answers
ATTEMPTS_MAX = 4
RETRY_WAIT_S_MAX = 30.0
PAGES_MAX = 100
PER_PAGE = 100
_RETRY_STATUSES = frozenset({429, 502, 503, 504})
_NEXT_STEPS = {
    401: "check the token file of this role in .autarch/tokens",
    403: "use a token whose role may do this",
    404: "check the number, the name, and that the token may read this repository",
    405: "read the rule, cure it, and merge again",
    409: "read the pull request again and repeat with its present head",
    422: "correct the named field",
}


class ForgeRefusedError(RefusedError):
    """The forge said no. `status` is the HTTP status code to decide on."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        step = _NEXT_STEPS.get(self.status)
        return f"the forge refused ({self.status}): {self.message}" + (f"; next: {step}" if step else "")


class ForgeClient:
    """Speaks to one repository of one forge with one token; a context manager.

    Every method raises `ForgeRefusedError` when the forge says no and `UndecidedError` when it cannot
    be reached, is overloaded or answers what no forge answers.
    """

    def __init__(
        self,
        base_url: str,
        repository: str,
        token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a client; nothing is sent yet.

        Args:
            base_url: Root of the REST API, such as `http://127.0.0.1:4711` or `https://api.github.com`.
            repository: `owner/name`.
            token: Secret of the caller's role; sent in a header only.
            transport: Another way to deliver requests, for tests.
            sleep: Waits between attempts, seconds.

        Raises:
            UsageError: `repository` or `base_url` has another shape.
        """
        owner, _, name = repository.partition("/")
        parts = urlsplit(base_url)
        if not owner or not name or "/" in name:
            raise UsageError(f"found repository {repository!r}; expected owner/name")
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
            raise UsageError("expected a forge URL like http://127.0.0.1:4711, without credentials in it")
        self.base_url = base_url.rstrip("/")
        self.repository = repository
        self._token = token
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": "autarch",
                "X-GitHub-Api-Version": wire.API_VERSION,
            },
            timeout=TIMEOUT_S,
            transport=transport,
            trust_env=False,  # a proxy variable must not see a token meant for the loopback
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- git ------------------------------------------------------------------------------------

    @property
    def git_url(self) -> str:
        """URL of the git remote, without credentials."""
        base = "https://github.com" if self.base_url == "https://api.github.com" else self.base_url
        return f"{base}/{self.repository}.git"

    def git_remote(self) -> Remote:
        """Return what git pushes to and fetches from; the token travels in git's environment only."""
        return Remote(url=self.git_url, token=self._token)

    # -- pull requests --------------------------------------------------------------------------

    def create_pull(self, *, head: str, title: str, body: str, base: str = "main") -> Pull:
        """Open a pull request of branch `head` (a name without refs/heads/) against `base`."""
        raw = self._json("POST", "/pulls", {"head": head, "title": title, "body": body, "base": base})
        return wire.parse_pull(raw)

    def pulls(self, *, state: str = "open", head: str | None = None) -> tuple[Pull, ...]:
        """Return pull requests, newest first. `state` is open, closed or all; `head` a branch name."""
        owner = self.repository.partition("/")[0]
        query = {"state": state} | ({} if head is None else {"head": f"{owner}:{head}"})
        return tuple(wire.parse_pull(raw) for raw in self._pages("/pulls", query))

    def pull(self, number: int) -> Pull:
        """Return one pull request, with `mergeable` where the forge has computed it."""
        return wire.parse_pull(self._json("GET", f"/pulls/{number}"))

    def pull_files(self, number: int) -> tuple[PullFile, ...]:
        """Return the paths a pull request changes."""
        return tuple(wire.parse_file(raw) for raw in self._pages(f"/pulls/{number}/files"))

    def merge_pull(self, number: int, *, sha: str) -> str:
        """Merge a pull request whose head is still `sha` and return the merge commit.

        Raises:
            ForgeRefusedError: status 405 a rule is not met, 409 the head is another by now.
        """
        raw = self._json("PUT", f"/pulls/{number}/merge", {"sha": sha, "merge_method": "merge"})
        return str(raw["sha"])

    def close_pull(self, number: int) -> Pull:
        """Close a pull request without merging; its branch stays."""
        return wire.parse_pull(self._json("PATCH", f"/pulls/{number}", {"state": "closed"}))

    def rerun_gate(self, number: int) -> Pull:
        """Have the local forge judge the present head again; github.com answers 404."""
        return wire.parse_pull(self._json("POST", f"/pulls/{number}/autarch/rerun", {}))

    def review(self, number: int, *, event: ReviewEvent, commit: str, body: str = "") -> Review:
        """Review `commit` of a pull request; APPROVE is a human's."""
        raw = self._json("POST", f"/pulls/{number}/reviews", {"event": event, "commit_id": commit, "body": body})
        return wire.parse_review(raw)

    def reviews(self, number: int) -> tuple[Review, ...]:
        """Return the reviews of a pull request, oldest first."""
        return tuple(wire.parse_review(raw) for raw in self._pages(f"/pulls/{number}/reviews"))

    # -- statuses -------------------------------------------------------------------------------

    def set_status(
        self, sha: str, *, context: str, state: StatusState, description: str = "", target_url: str = ""
    ) -> Status:
        """Record a status of a commit; a long description is cut. Only role ci may, on the local forge."""
        body = {"context": context, "state": state, "description": description[: wire.DESCRIPTION_LIMIT]}
        return wire.parse_status(self._json("POST", f"/statuses/{sha}", body | _present(target_url=target_url)))

    def statuses(self, sha: str) -> tuple[Status, ...]:
        """Return all statuses of a commit, newest first."""
        return tuple(wire.parse_status(raw) for raw in self._pages(f"/commits/{sha}/statuses"))

    def combined_status(self, sha: str) -> CombinedStatus:
        """Return the newest status of each context of a commit, and what they amount to."""
        raw = self._json("GET", f"/commits/{sha}/status?per_page={PER_PAGE}")
        statuses = tuple(wire.parse_status(each) for each in raw["statuses"])
        state = raw["state"]
        return CombinedStatus(state=state if state in wire.STATUS_STATES else "error", statuses=statuses)

    # -- comments and labels --------------------------------------------------------------------

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return the comments of a pull request, oldest first."""
        return tuple(wire.parse_comment(raw) for raw in self._pages(f"/issues/{number}/comments"))

    def add_comment(self, number: int, body: str) -> Comment:
        """Add a comment."""
        return wire.parse_comment(self._json("POST", f"/issues/{number}/comments", {"body": body}))

    def edit_comment(self, comment_id: int, body: str) -> Comment:
        """Replace the text of a comment of one's own."""
        return wire.parse_comment(self._json("PATCH", f"/issues/comments/{comment_id}", {"body": body}))

    def set_report(self, number: int, body: str) -> Comment:
        """Write the one report comment of a pull request: edit ours if it exists, else add it.

        A text beyond the platform's limit is cut, and says so.
        """
        text = f"{wire.REPORT_MARKER}\n{body}"
        if len(text) > wire.COMMENT_LIMIT:
            notice = "\n\n(cut: the whole report is in the evidence)"
            text = text[: wire.COMMENT_LIMIT - len(notice)] + notice
        me = self.user().login
        for comment in self.comments(number):
            if comment.author == me and comment.body.startswith(wire.REPORT_MARKER):
                return comment if comment.body == text else self.edit_comment(comment.id, text)
        return self.add_comment(number, text)

    def labels(self, number: int) -> tuple[str, ...]:
        """Return the labels of a pull request."""
        return tuple(str(raw["name"]) for raw in self._pages(f"/issues/{number}/labels"))

    def labelled(self, label: str) -> tuple[int, ...]:
        """Return the numbers of the open issues and pull requests that carry a label, newest first."""
        query = {"state": "open", "labels": label}
        return tuple(int(raw["number"]) for raw in self._pages("/issues", query))

    def add_labels(self, number: int, labels: Sequence[str]) -> tuple[str, ...]:
        """Add labels and return all the pull request has."""
        raw = self._json("POST", f"/issues/{number}/labels", {"labels": list(labels)})
        return tuple(str(each["name"]) for each in raw)

    def remove_label(self, number: int, label: str) -> None:
        """Remove one label."""
        self._json("DELETE", f"/issues/{number}/labels/{quote(label, safe='')}")

    # -- refs and the caller --------------------------------------------------------------------

    def ref(self, name: str) -> str | None:
        """Return the object a ref names (`heads/main`, `tags/v1.2.0`), or None when there is none."""
        try:
            raw = self._json("GET", f"/git/ref/{quote(name.removeprefix('refs/'))}")
        except ForgeRefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return str(raw["object"]["sha"])

    def branches(self) -> dict[str, str]:
        """Return every branch with its commit."""
        return {str(raw["name"]): str(raw["commit"]["sha"]) for raw in self._pages("/branches")}

    def user(self) -> Account:
        """Return whom this token speaks for."""
        raw = self._send("GET", "/user").json()
        return Account(login=str(raw["login"]), role=(raw.get("autarch") or {}).get("role"))

    # -- transport ------------------------------------------------------------------------------

    def _json(self, method: str, path: str, body: object = None) -> Any:
        answer = self._send(method, f"/repos/{self.repository}{path}", body)
        return _decoded(answer) if answer.content else None

    def _pages(self, path: str, query: dict[str, str] | None = None) -> Iterator[Any]:
        parameters = httpx.QueryParams((query or {}) | {"per_page": str(PER_PAGE)})
        url = f"/repos/{self.repository}{path}?{parameters}"
        for _ in range(PAGES_MAX):
            answer = self._send("GET", url)
            yield from _decoded(answer)
            following = answer.links.get("next", {}).get("url")
            if following is None:
                return
            self._same_forge(following)
            url = following
        raise UndecidedError(f"{path} has more than {PAGES_MAX} pages; expected fewer. Narrow the question")

    def _same_forge(self, url: str) -> None:
        if not url.startswith(f"{self.base_url}/"):
            raise UndecidedError(f"the next page is said to be at {url}; expected {self.base_url}. Nothing was sent")

    def _send(self, method: str, url: str, body: object = None) -> httpx.Response:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            answer = self._attempt(method, url, body, last=attempt == ATTEMPTS_MAX)
            if answer is not None and not self._retriable(answer):
                return _checked(answer)
            if attempt < ATTEMPTS_MAX:
                self._sleep(_wait_s(answer, attempt))
        raise UndecidedError(
            f"{self.base_url} answered {answer.status_code if answer else 'nothing'} to {method} {url} "
            f"{ATTEMPTS_MAX} times; expected an answer. Try again later"
        )

    def _attempt(self, method: str, url: str, body: object, *, last: bool) -> httpx.Response | None:
        try:
            return self._http.request(method, url, json=body)
        except httpx.HTTPError as error:
            # A write whose answer was lost may have happened: only a connection that never opened is tried again.
            if isinstance(error, httpx.ConnectError) or method == "GET":
                if not last:
                    return None
                step = "start the forge (`autarch forge serve`) or correct its URL"
            else:
                step = "read the pull request's state before repeating it"
            raise UndecidedError(
                f"{method} {url} at {self.base_url} failed: {type(error).__name__}: {error}; next: {step}"
            ) from error

    def _retriable(self, answer: httpx.Response) -> bool:
        if answer.status_code in _RETRY_STATUSES:
            return answer.request.method == "GET" or answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        # GitHub's secondary rate limit is a 403 that names a waiting time.
        return answer.status_code == httpx.codes.FORBIDDEN and "retry-after" in answer.headers


def _present(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}


def _wait_s(answer: httpx.Response | None, attempt: int) -> float:
    named = answer.headers.get("retry-after", "") if answer is not None else ""
    wanted = float(named) if named.isdigit() else 0.5 * 2 ** (attempt - 1)
    return min(wanted, RETRY_WAIT_S_MAX)


def _decoded(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise UndecidedError(f"{answer.url} did not answer in JSON; check that the URL is a forge's") from error


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    if answer.is_client_error:
        raise ForgeRefusedError(answer.status_code, _message(answer))
    raise UndecidedError(f"{answer.url} answered {answer.status_code}: {_message(answer)}; next: read the forge's log")


def _message(answer: httpx.Response) -> str:
    try:
        raw = answer.json()
    except ValueError:
        return answer.text[:500] or answer.reason_phrase
    message = raw.get("message", "") if isinstance(raw, dict) else ""
    errors = raw.get("errors") if isinstance(raw, dict) else None
    details = "; ".join(
        str(each.get("message", each)) if isinstance(each, dict) else str(each) for each in errors or ()
    )
    return f"{message}: {details}" if details else str(message) or answer.reason_phrase
