"""What is said about commits and pull requests: statuses, comments, labels."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from autarch.forge import wire
from autarch.forge.client_checks import cut
from autarch.forge.endpoints import Endpoints
from autarch.forge.transport import PER_PAGE
from autarch.forge.wire import Account, CombinedStatus, Comment, Status, StatusState

_CUT = "\n\n(cut: the whole report is in the evidence)"


class Talk(Endpoints):
    """Calls about statuses, comments and labels."""

    def user(self) -> Account:
        """Return whom this token speaks for; an App's token may not ask on github.com: use `login`."""
        raw = self._transport.json("GET", "/user")
        return Account(login=str(raw["login"]), role=(raw.get("autarch") or {}).get("role"))

    def login(self) -> str:
        """Return the login under which this client's comments appear."""
        return self._transport.login() or self.user().login

    def set_status(
        self, sha: str, *, context: str, state: StatusState, description: str = "", target_url: str = ""
    ) -> Status:
        """Record a status of a commit; a long description is cut. Only role ci may, on the local forge."""
        body = {"context": context, "state": state, "description": description[: wire.DESCRIPTION_LIMIT]}
        return wire.parse_status(
            self._json("POST", f"/statuses/{sha}", body | ({"target_url": target_url} if target_url else {}))
        )

    def statuses(self, sha: str) -> tuple[Status, ...]:
        """Return all statuses of a commit, newest first."""
        return tuple(wire.parse_status(raw) for raw in self._pages(f"/commits/{sha}/statuses"))

    def combined_status(self, sha: str) -> CombinedStatus:
        """Return the newest status of each context of a commit, and what they amount to."""
        raw = self._json("GET", f"/commits/{sha}/status?per_page={PER_PAGE}")
        statuses = tuple(wire.parse_status(each) for each in raw["statuses"])
        state = raw["state"]
        return CombinedStatus(state=state if state in wire.STATUS_STATES else "error", statuses=statuses)

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return the comments of a pull request, oldest first."""
        return tuple(wire.parse_comment(raw) for raw in self._pages(f"/issues/{number}/comments"))

    def add_comment(self, number: int, body: str) -> Comment:
        """Add a comment; a text beyond the platform's limit is cut, and says so."""
        text = cut(body, wire.COMMENT_LIMIT, _CUT)
        return wire.parse_comment(self._json("POST", f"/issues/{number}/comments", {"body": text}))

    def edit_comment(self, comment_id: int, body: str) -> Comment:
        """Replace the text of a comment of one's own, cut as `add_comment` cuts."""
        text = cut(body, wire.COMMENT_LIMIT, _CUT)
        return wire.parse_comment(self._json("PATCH", f"/issues/comments/{comment_id}", {"body": text}))

    def set_report(self, number: int, body: str) -> Comment:
        """Write the one report comment of a pull request: edit ours if it exists, else add it.

        A text beyond the platform's limit is cut, and says so.
        """
        text = cut(f"{wire.REPORT_MARKER}\n{body}", wire.COMMENT_LIMIT, _CUT)
        me = self.login()
        for comment in self.comments(number):
            if comment.author == me and comment.body.startswith(wire.REPORT_MARKER):
                return comment if comment.body == text else self.edit_comment(comment.id, text)
        return self.add_comment(number, text)

    def open_issue(self, title: str, body: str) -> int:
        """Ask for something in words and return the issue's number."""
        return int(self._json("POST", "/issues", {"title": title, "body": body})["number"])

    def issue_text(self, number: int) -> tuple[str, str, str]:
        """Return title, body and author of an issue: text of a stranger."""
        raw = self._json("GET", f"/issues/{number}")
        return str(raw["title"]), str(raw.get("body") or ""), str(raw["user"]["login"])

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
