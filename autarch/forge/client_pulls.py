"""Pull requests: opened, read, reviewed, merged, closed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from autarch.forge import wire, wire_more
from autarch.forge.endpoints import Endpoints
from autarch.forge.wire import Pull, PullFile, Review, ReviewEvent
from autarch.forge.wire_more import Enqueued


class Pulls(Endpoints):
    """Calls about pull requests."""

    def create_pull(self, *, head: str, title: str, body: str, base: str = "main") -> Pull:
        """Open a pull request of branch `head` (a name without refs/heads/) against `base`."""
        raw = self._json("POST", "/pulls", {"head": head, "title": title, "body": body, "base": base})
        return wire.parse_pull(raw)

    def pulls(self, *, state: str = "open", head: str | None = None, touched: int | None = None) -> tuple[Pull, ...]:
        """Return pull requests, newest first.

        Args:
            state: open, closed or all.
            head: A branch name; None for any.
            touched: At most so many, those that something happened to last first; None for all.
        """
        owner = self._transport.repository.partition("/")[0]
        query = {"state": state} | ({} if head is None else {"head": f"{owner}:{head}"})
        query |= {} if touched is None else {"sort": "updated", "direction": "desc"}
        return tuple(wire.parse_pull(raw) for raw in islice(self._pages("/pulls", query), touched))

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

    def enqueue_pull(self, number: int, *, sha: str) -> Enqueued:
        """Ask for a pull request whose head is `sha` to be put into the merge queue of its base.

        Raises:
            ForgeRefusedError: 400 it is closed or a draft, 403, 404 the platform has no queue, 409 it was asked for
                already.
        """
        body = {"sha": sha, "merge_action": "merge_queue"}
        return wire_more.enqueued(self._json("PUT", f"/pulls/{number}/merge-async", body))

    def enqueued(self, number: int, uuid: str) -> Enqueued:
        """Return what became of a request for the queue; a platform forgets it after a day."""
        return wire_more.enqueued(self._json("GET", f"/pulls/{number}/merge-async/{quote(uuid, safe='')}"))

    def close_pull(self, number: int) -> Pull:
        """Close a pull request without merging; its branch stays."""
        return wire.parse_pull(self._json("PATCH", f"/pulls/{number}", {"state": "closed"}))

    def begin_errand(self, **fields: object) -> dict[str, Any]:
        """Ask the local forge's trusted side for an errand, and return how it stands; github.com answers 404.

        Args:
            fields: Of `autarch.forge.errands.ErrandBody`; None is left out.
        """
        asked = {name: value for name, value in fields.items() if value is not None}
        begun: dict[str, Any] = self._json("POST", "/autarch/errands", asked)
        return begun

    def errand(self, number: int) -> dict[str, Any]:
        """Return how an errand stands."""
        found: dict[str, Any] = self._json("GET", f"/autarch/errands/{number}")
        return found

    def review(self, number: int, *, event: ReviewEvent, commit: str, body: str = "") -> Review:
        """Review `commit` of a pull request; APPROVE is a human's."""
        raw = self._json("POST", f"/pulls/{number}/reviews", {"event": event, "commit_id": commit, "body": body})
        return wire.parse_review(raw)

    def reviews(self, number: int) -> tuple[Review, ...]:
        """Return the reviews of a pull request, oldest first."""
        return tuple(wire.parse_review(raw) for raw in self._pages(f"/pulls/{number}/reviews"))

    def dismiss_review(self, number: int, review_id: int, *, message: str) -> Review:
        """Take the force from a review, saying why."""
        path = f"/pulls/{number}/reviews/{review_id}/dismissals"
        return wire.parse_review(self._json("PUT", path, {"message": message}))

    def request_reviewers(self, number: int, logins: Sequence[str], *, teams: Sequence[str] = ()) -> None:
        """Ask for reviews.

        Raises:
            ForgeRefusedError: 422 somebody who may not review here, or the author.
        """
        body = {"reviewers": list(logins), "team_reviewers": list(teams)}
        self._json("POST", f"/pulls/{number}/requested_reviewers", body)

    def requested_reviewers(self, number: int) -> tuple[str, ...]:
        """Return the logins whose review is asked for."""
        return tuple(str(user["login"]) for user in self._json("GET", f"/pulls/{number}/requested_reviewers")["users"])

    def update_branch(self, number: int, *, sha: str) -> None:
        """Merge the base into a head that is still `sha`.

        Raises:
            ForgeRefusedError: 422 the head is another by now, or merging conflicts.
        """
        self._json("PUT", f"/pulls/{number}/update-branch", {"expected_head_sha": sha})
