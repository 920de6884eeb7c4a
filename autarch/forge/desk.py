"""The life of a pull request: opened, followed as its branch moves, edited, closed, merged.

Roles are checked here and nowhere else on the HTTP side; what may enter Git is judged by `rules`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import AutarchError, RefusedError
from autarch.forge import wire
from autarch.forge.pulls import PullRecord, PullStore
from autarch.forge.rules import MAIN, SHARED_AGENT, Move, Rulebook, RuleRefusedError, judge
from autarch.forge.rules_main import Approval, judge_head, merge_message
from autarch.forge.wire import Account, Role
from autarch.repo.git import GitRepo, StaleRefError
from autarch.repo.objects import Person

_FORGE = Account(login="forge", role="human")


class DeniedError(RefusedError):
    """The forge says no; `status` is the HTTP status code that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


def quiet() -> None:
    """Do nothing: what a desk calls on news before a runner listens."""


@dataclass(slots=True)
class Desk:
    """The forge's one writer of pull requests' states and, by merging, of main.

    `on_news` is called after a head or main has moved, so that the gate runs again.
    """

    repo: GitRepo
    pulls: PullStore
    clock: Callable[[], EpochMs]
    policy_path: str
    on_news: Callable[[], None] = quiet
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _seen_main: str | None = None

    # -- reading --------------------------------------------------------------------------------

    def main(self) -> str:
        """Return where main is."""
        return self.book(_FORGE).main()

    def book(self, account: Account, repo: GitRepo | None = None) -> Rulebook:
        """Return the rules as they apply to `account`; `repo` shows objects that are not accepted yet."""
        return Rulebook(repo=repo or self.repo, pusher=account, policy_path=self.policy_path, now_ms=self.clock())

    def pull(self, number: int) -> PullRecord:
        """Return one pull request.

        Raises:
            DeniedError: 404.
        """
        record = self.pulls.get(number)
        if record is None:
            raise DeniedError(404, f"there is no pull request {number}")
        return record

    def readiness(self, record: PullRecord) -> Approval | RuleRefusedError:
        """Return what an open pull request may be merged with now, or the rule that stands against it."""
        if record.gate is not None and record.gate.state in {"queued", "running"}:
            return RuleRefusedError("required-checks", f"the gate is {record.gate.state}", "wait: autarch pr wait")
        try:
            return judge_head(self.book(_FORGE), base=self.main(), head=record.head, number=record.number)
        except RuleRefusedError as refusal:
            return refusal
        except AutarchError as error:
            return RuleRefusedError("undecided", str(error), "cure what is named")

    # -- pull requests --------------------------------------------------------------------------

    def open_pull(self, account: Account, *, head: str, title: str, body: str, base: str) -> PullRecord:
        """Open a pull request of branch `head`.

        Raises:
            DeniedError: 403 the role or the branch's owner, 422 a field.
        """
        need_role(account, ("agent", "human"), "opens pull requests")
        need_text(title, body)
        ref = f"refs/heads/{head}"
        owner = head.split("/")[1] if head.startswith("agent/") and head.count("/") >= 2 else None
        if account.role == "agent" and (owner is None or account.login not in {owner, SHARED_AGENT}):
            raise DeniedError(
                403, f"branch {head} is not {account.login}'s to propose; push it as agent/{account.login}/..."
            )
        if base != "main":
            raise DeniedError(422, f"base is {base!r}; pull requests go to main")
        with self._lock:
            tip = self.repo.read_ref(ref)
            if tip is None or not head.startswith(("agent/", "human/")):
                raise DeniedError(422, f"head {head!r} is no branch under agent/ or human/ here; push it first")
            main = self.main()
            if self.repo.merge_base(tip, main) is None:
                raise DeniedError(422, f"{head} shares no history with main; branch from main")
            if self.repo.is_ancestor(tip, main):
                raise DeniedError(422, f"no commits between main and {head}; commit something first")
            if twin := next((pull for pull in self.pulls.open() if pull.head_ref == head), None):
                raise DeniedError(422, f"a pull request already exists for {head}: {twin.number}")
            record = self.pulls.create(
                lambda number, now: PullRecord(
                    number=number,
                    title=title,
                    body=body,
                    author=account.login,
                    role=account.role or "agent",
                    head_ref=head,
                    head=tip,
                    base=main,
                    created_ms=now,
                    updated_ms=now,
                )
            )
            self._follow(record)
        self.on_news()
        return self.pull(record.number)

    def edit_pull(
        self, account: Account, number: int, *, title: str | None, body: str | None, state: str | None
    ) -> PullRecord:
        """Change a pull request's title, body or state.

        Raises:
            DeniedError: 403 not its author's, 404, 422 a field or a merged one.
        """
        record = self.pull(number)
        if account.role != "human" and (account.role != "agent" or account.login != record.author):
            raise DeniedError(403, f"pull request {number} is {record.author}'s; only its author or a human changes it")
        need_text(title if title is not None else record.title, body if body is not None else record.body)
        if state not in {None, "open", "closed"}:
            raise DeniedError(422, f"state is {state!r}; expected open or closed")
        with self._lock:
            record = self.pull(number)
            if state is not None and record.merged:
                raise DeniedError(422, f"pull request {number} is merged; that stays")
            if state == "open" and any(p.head_ref == record.head_ref for p in self.pulls.open() if p.number != number):
                raise DeniedError(422, f"another open pull request has branch {record.head_ref}")
            changed = self.pulls.change(
                number,
                lambda old, now: msgspec.structs.replace(
                    old,
                    title=old.title if title is None else title,
                    body=old.body if body is None else body,
                    state=old.state if state is None else state,
                    closed_ms=now if state == "closed" else (None if state == "open" else old.closed_ms),
                ),
                why=f"Edit by {account.login}",
            )
        self.notice()
        return changed

    def rerun(self, account: Account, number: int) -> PullRecord:
        """Forget the gate's last run on a pull request, so that it is judged again.

        Raises:
            DeniedError: 403 the role, 404, 422 it is not open.
        """
        need_role(account, ("human", "ci"), "asks for another run")
        if self.pull(number).state != "open":
            raise DeniedError(422, f"pull request {number} is closed; reopen it first")
        self.pulls.change(
            number, lambda old, _now: msgspec.structs.replace(old, gate=None), why=f"Judge again, by {account.login}"
        )
        self.on_news()
        return self.pull(number)

    def merge(self, account: Account, number: int, *, sha: str) -> str:
        """Merge a pull request whose head is `sha` and return the merge commit.

        Raises:
            DeniedError: 403 the role, 404, 405 a rule, 409 another head, or main moved meanwhile.
        """
        need_role(account, ("human",), "merges")
        self.notice()
        with self._lock:
            record = self.pull(number)
            if record.state != "open":
                raise DeniedError(405, f"pull request {number} is {'merged' if record.merged else 'closed'}")
            if sha != record.head:
                raise DeniedError(409, f"Head branch was modified: it is at {record.head}, you read {sha}")
            main = self.main()
            new = self._merge_commit(account, record, main)
            try:
                self.repo.update_ref(MAIN, new, old=main)
            except StaleRefError as error:
                raise DeniedError(409, "Base branch was modified: main moved meanwhile; merge again") from error
            self._mark_merged(record, new, account.login)
        self.on_news()
        return new

    def notice(self) -> None:
        """Bring pull requests up to date with what was pushed: new heads, and merges pushed by hand."""
        with self._lock:
            refs = {**self.repo.refs("refs/heads/"), **self.repo.refs("refs/pull/")}
            for record in self.pulls.open():
                tip = refs.get(f"refs/heads/{record.head_ref}", record.head)
                if tip != record.head:
                    self._take_head(record, tip)
            for record in self.pulls.open():
                if refs.get(_head_ref(record)) != record.head:
                    self._follow(record)
            main = refs.get(MAIN)
            if main is not None and main != self._seen_main:
                self._find_merged(main)
                self._seen_main = main
        self.on_news()

    # -- inside ---------------------------------------------------------------------------------

    def _merge_commit(self, account: Account, record: PullRecord, main: str) -> str:
        book = self.book(account)
        try:
            approval = judge_head(book, base=main, head=record.head, number=record.number)
        except RuleRefusedError as refusal:
            raise DeniedError(405, f"{refusal.rule}: {refusal.why}; {refusal.fix}") from refusal
        person = Person(name=account.login, email=f"{account.login}@autarch", when_s=self.clock() // 1000)
        message = merge_message(approval, title=record.title, login=account.login)
        new = self.repo.commit_tree(approval.tree, parents=[main, record.head], message=message, author=person)
        # The same judgement as for a push: the button has no rules of its own.
        again = judge(book, Move(ref=MAIN, old=main, new=new))
        if again is not None:
            raise DeniedError(405, f"{again.rule}: {again.why}; {again.fix}")
        return new

    def _mark_merged(self, record: PullRecord, merge: str, login: str) -> None:
        self.pulls.change(
            record.number,
            lambda old, now: msgspec.structs.replace(
                old, state="closed", merge_commit=merge, merged_by=login, closed_ms=now
            ),
            why=f"Merged as {merge[:12]} by {login}",
        )

    def _find_merged(self, main: str) -> None:
        waiting = {record.head: record for record in self.pulls.open()}
        if not waiting:
            return
        for oid in self.repo.commits(main, exclude=self._seen_main, first_parent=True):
            commit = self.repo.read_commit(oid)
            record = waiting.get(commit.parents[1]) if len(commit.parents) == 2 else None
            if record is not None:
                self._mark_merged(record, oid, commit.trailers.get("Merged-By", "unknown"))

    def _take_head(self, record: PullRecord, tip: str) -> None:
        self.pulls.change(
            record.number,
            lambda old, _now: msgspec.structs.replace(old, head=tip, gate=None),
            why=f"New head {tip[:12]}",
        )

    def _follow(self, record: PullRecord) -> None:
        """Keep refs/pull/<n>/head at the head, so that a deleted branch loses nothing."""
        ref = _head_ref(record)
        old = self.repo.read_ref(ref)
        if old != record.head:
            self.repo.update_ref(ref, record.head, old=old)


def _head_ref(record: PullRecord) -> str:
    return f"refs/pull/{record.number}/head"


def need_role(account: Account, roles: Sequence[Role], what: str) -> None:
    """Refuse unless the account's role is one of `roles`.

    Raises:
        DeniedError: 403.
    """
    if account.role not in roles:
        raise DeniedError(403, f"{account.login} has role {account.role}; only {' or '.join(roles)} {what}")


def need_text(title: str, body: str) -> None:
    """Refuse a title that is not one printable line, or a body that is too long.

    Raises:
        DeniedError: 422.
    """
    if not title.strip() or len(title) > wire.TITLE_LIMIT or not title.isprintable():
        raise DeniedError(422, f"title is not 1 to {wire.TITLE_LIMIT} printable characters on one line")
    if len(body) > wire.COMMENT_LIMIT or "\0" in body:
        raise DeniedError(422, f"body has {len(body)} characters of at most {wire.COMMENT_LIMIT}, or a NUL among them")
