"""What is said about pull requests and commits: reviews, comments, labels, statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from autarch.canonical import EpochMs
from autarch.forge import wire
from autarch.forge.desk import DeniedError, Desk, need_role, need_text
from autarch.forge.pulls import COMMENTS_PER_PULL, ENTRIES_MAX, CommentRecord, PullRecord, ReviewRecord
from autarch.forge.state import TokenBook
from autarch.forge.statuses import NewStatus, StatusRecord, StatusStore
from autarch.forge.wire import Account, ReviewEvent
from autarch.repo.objects import OBJECT_ID

LABELS_MAX = 100
LABEL_LENGTH_MAX = 50
CONTEXT_LENGTH_MAX = 100


@dataclass(frozen=True, slots=True)
class Talk:
    """Writes what accounts say; who may say what is checked here."""

    desk: Desk
    statuses: StatusStore
    tokens: TokenBook

    def review(self, account: Account, number: int, *, event: ReviewEvent, commit: str, body: str) -> ReviewRecord:
        """Review one commit of a pull request.

        Nobody judges their own, as on GitHub; but a forge of one human would have nobody else.

        Raises:
            DeniedError: 403 the role, 404, 422 one's own, the commit is not the head, or too many reviews.
        """
        need_role(account, ("human",) if event != "COMMENT" else ("human", "agent", "ci"), f"reviews with {event}")
        need_text("review", body)
        alone = self.tokens.humans() == (account.login,)
        if event != "COMMENT" and self.desk.pull(number).author == account.login and not alone:
            raise DeniedError(422, f"Can not {event.lower().replace('_', ' ')} on your own pull request")

        def add(record: PullRecord, now: EpochMs) -> PullRecord:
            if commit != record.head:
                raise DeniedError(422, f"the head is {record.head}, the review speaks of {commit}; read it again")
            _need_room(record.reviews)
            review = ReviewRecord(
                id=record.number * COMMENTS_PER_PULL + len(record.reviews) + 1,
                author=account.login,
                role=account.role or "agent",
                event=event,
                commit=commit,
                body=body,
                created_ms=now,
            )
            return msgspec.structs.replace(record, reviews=(*record.reviews, review))

        self.desk.pull(number)
        return self.desk.pulls.change(number, add, why=f"{event} by {account.login}").reviews[-1]

    def ask_review(self, account: Account, number: int, logins: Sequence[str]) -> PullRecord:
        """Ask humans for a review.

        Raises:
            DeniedError: 404, 422 somebody who is no human here, or the author.
        """
        record = self.desk.pull(number)
        humans = self.tokens.humans()
        for login in logins:
            if login not in humans or login == record.author:
                raise DeniedError(
                    422, f"{login[:40]!r} cannot review pull request {number}: no human here, or its author"
                )

        def ask(old: PullRecord, _now: EpochMs) -> PullRecord:
            return msgspec.structs.replace(old, requested=tuple(dict.fromkeys((*old.requested, *logins))))

        return self.desk.pulls.change(number, ask, why=f"Review asked for by {account.login}")

    def comment(self, account: Account, number: int, body: str) -> CommentRecord:
        """Add a comment.

        Raises:
            DeniedError: 404, 422 too long or too many.
        """
        need_text("comment", body)

        def add(record: PullRecord, now: EpochMs) -> PullRecord:
            _need_room(record.comments)
            place = record.number * COMMENTS_PER_PULL + len(record.comments) + 1
            added = CommentRecord(id=place, author=account.login, body=body, created_ms=now, updated_ms=now)
            return msgspec.structs.replace(record, comments=(*record.comments, added))

        self.desk.pull(number)
        return self.desk.pulls.change(number, add, why=f"Comment by {account.login}").comments[-1]

    def edit_comment(self, account: Account, comment_id: int, body: str) -> CommentRecord:
        """Replace the text of one's own comment.

        Raises:
            DeniedError: 403 somebody else's, 404, 422 too long.
        """
        need_text("comment", body)
        record = self.desk.pull(comment_id // COMMENTS_PER_PULL)
        found = next((comment for comment in record.comments if comment.id == comment_id), None)
        if found is None:
            raise DeniedError(404, f"there is no comment {comment_id}")
        if found.author != account.login:
            raise DeniedError(403, f"comment {comment_id} is {found.author}'s")

        def edit(record: PullRecord, now: EpochMs) -> PullRecord:
            edited = tuple(
                msgspec.structs.replace(c, body=body, updated_ms=now) if c.id == comment_id else c
                for c in record.comments
            )
            return msgspec.structs.replace(record, comments=edited)

        changed = self.desk.pulls.change(record.number, edit, why=f"Comment edited by {account.login}")
        return next(comment for comment in changed.comments if comment.id == comment_id)

    def set_labels(
        self, account: Account, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Add and remove labels and return those that remain.

        Raises:
            DeniedError: 404 no such pull request or label to remove, 422 a label's text.
        """
        record = self.desk.pull(number)
        for label in add:
            if not label or len(label) > LABEL_LENGTH_MAX or not label.isprintable():
                raise DeniedError(422, f"label {label!r} is not 1 to {LABEL_LENGTH_MAX} printable characters")
        for label in remove:
            if label not in record.labels:
                raise DeniedError(404, f"pull request {number} has no label {label!r}")

        def change(old: PullRecord, _now: EpochMs) -> PullRecord:
            kept = [label for label in old.labels if label not in remove]
            kept += [label for label in dict.fromkeys(add) if label not in kept]
            if len(kept) > LABELS_MAX:
                raise DeniedError(422, f"{len(kept)} labels; at most {LABELS_MAX}")
            return msgspec.structs.replace(old, labels=tuple(kept))

        return self.desk.pulls.change(number, change, why=f"Labels by {account.login}").labels

    def set_status(self, account: Account, sha: str, new: NewStatus) -> StatusRecord:
        """Record a status of a commit.

        Raises:
            DeniedError: 403 the role, 422 no such commit, or a field.
        """
        need_role(account, ("ci",), "sets statuses")
        if not OBJECT_ID.match(sha) or self.desk.repo.resolve(sha) != sha:
            raise DeniedError(422, f"no commit {sha[:64]!r} here")
        if new.state not in wire.STATUS_STATES:
            raise DeniedError(422, f"state is {new.state!r}; expected one of {', '.join(wire.STATUS_STATES)}")
        if not 0 < len(new.context) <= CONTEXT_LENGTH_MAX or not new.context.isprintable():
            raise DeniedError(422, f"context is not 1 to {CONTEXT_LENGTH_MAX} printable characters")
        if len(new.description) > wire.DESCRIPTION_LIMIT:
            raise DeniedError(422, f"description has {len(new.description)} characters of {wire.DESCRIPTION_LIMIT}")
        if new.target_url and not new.target_url.startswith(("http://", "https://")):
            raise DeniedError(422, "target_url is no http URL")
        return self.statuses.add(sha, new, author=account.login)


def _need_room(entries: Sequence[object]) -> None:
    if len(entries) >= ENTRIES_MAX:
        raise DeniedError(422, f"there are {len(entries)} already; edit one instead")
