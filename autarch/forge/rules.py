"""Who may move which reference, and to what: the forge's rules, judged before anything moves.

The pre-receive hook and the merge button call the same functions. They read the repository and
change nothing; each refusal names its rule, why it applies, and the cure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from autarch.errors import AutarchError, RefusedError
from autarch.forge.wire import Account
from autarch.repo.git import GitRepo

MAIN = "refs/heads/main"
LEDGER = "refs/heads/autarch/ledger"
SHARED_AGENT = "agent"
"""Login of a workspace's one agent token, which may write every agent's branches."""

_AGENT_BRANCH = re.compile(r"refs/heads/agent/([a-z][a-z0-9_-]*)/[A-Za-z0-9][A-Za-z0-9._/-]*\Z")
_REPORT_BRANCH = re.compile(r"refs/heads/autarch-reports/[1-9][0-9]{0,8}\Z")
_HUMAN_BRANCH = re.compile(r"refs/heads/human/[A-Za-z0-9][A-Za-z0-9._/-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One reference to move from `old` to `new`; None: it does not exist on that side."""

    ref: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All that a judgement looks at: the repository, who asks, where main keeps its policy, and epoch ms."""

    repo: GitRepo
    pusher: Account
    policy_path: str
    now_ms: int

    def main(self) -> str:
        """Return where main is now.

        Raises:
            RuleRefusedError: there is none, so nothing says who may sign.
        """
        tip = self.repo.read_ref(MAIN)
        if tip is None:
            raise refuse("main-exists", "the forge has no main branch", "make the forge again with: autarch init")
        return tip

    def signers(self, path: str) -> bytes:
        """Return main's list of signers at `path`; empty, which trusts nobody, when main has none."""
        return self.repo.blob_at(self.main(), path) or b""


class RuleRefusedError(RefusedError):
    """A rule of the forge says no."""

    def __init__(self, rule: str, why: str, fix: str, ref: str = "") -> None:
        super().__init__(rule, why, fix, ref)
        self.rule = rule
        self.why = why
        self.fix = fix
        self.ref = ref

    def __str__(self) -> str:
        return f"REFUSED {self.ref}\n  rule: {self.rule}\n  why : {self.why}\n  fix : {self.fix}"


def refuse(rule: str, why: str, fix: str) -> RuleRefusedError:
    """Return the refusal to raise; `judge` adds the reference."""
    return RuleRefusedError(rule, why, fix)


def need_role(book: Rulebook, allowed: tuple[str, ...], what: str) -> None:
    """Refuse unless the pusher's role is one of `allowed`.

    Raises:
        RuleRefusedError: rule `role`.
    """
    if book.pusher.role not in allowed:
        found = f"{book.pusher.login} has role {book.pusher.role or 'none'}"
        raise refuse("role", f"{found}; {what} is for {' and '.join(allowed)}", "push with a token of that role")


def judge(book: Rulebook, move: Move) -> RuleRefusedError | None:
    """Return why `move` must not happen, or None.

    A judgement that cannot be computed (a missing object, a damaged record) is a refusal too.
    """
    try:
        _dispatch(book, move)
    except RuleRefusedError as refusal:
        refusal.ref = move.ref
        return refusal
    except (AutarchError, ValueError) as error:
        return RuleRefusedError("undecided", str(error), "cure what is named, then push again", move.ref)
    return None


def judge_all(book: Rulebook, moves: tuple[Move, ...]) -> tuple[RuleRefusedError, ...]:
    """Return every refusal among the moves of one push; a push is accepted whole or not at all."""
    return tuple(refusal for move in moves if (refusal := judge(book, move)) is not None)


def _dispatch(book: Rulebook, move: Move) -> None:
    from autarch.forge import rules_main, rules_records, rules_tags  # noqa: PLC0415  each is loaded by the push it judges

    if book.pusher.role is None:
        raise refuse("role", "the push did not come through the forge, so nobody says who pushes", "push to the URL")
    if move.ref == MAIN:
        rules_main.judge_main(book, move)
    elif move.ref == LEDGER:
        rules_records.judge_ledger(book, move)
    elif move.ref.startswith("refs/tags/v"):
        rules_tags.judge_tag(book, move)
    elif move.ref.startswith("refs/autarch/checks/"):
        rules_records.judge_check(book, move)
    elif move.ref.startswith("refs/autarch/evidence/"):
        rules_records.judge_evidence(book, move)
    elif move.ref.startswith("refs/autarch/studies/"):
        rules_records.judge_study(book, move)
    elif move.ref.startswith("refs/autarch/revealed/"):
        rules_records.judge_revealed(book, move)
    elif match := _AGENT_BRANCH.match(move.ref):
        _judge_agent_branch(book, move, owner=match[1])
    else:
        _judge_other(book, move)


_NAMESPACE_WHY = "the forge keeps main, agent/<agent>/..., human/..., tags v*, and its own records, and nothing else"


def _judge_other(book: Rulebook, move: Move) -> None:
    """Judge a branch that one role alone writes; whatever has no rule is refused."""
    for pattern, role, what in ((_HUMAN_BRANCH, "human", "a branch under human/"), (_REPORT_BRANCH, "ci", "a report")):
        if pattern.match(move.ref):
            need_role(book, (role,), what)
            return _need_commit(book, move)
    raise refuse("namespace", _NAMESPACE_WHY, "push to agent/<agent>/<slug>-<n> and open a pull request")


def _judge_agent_branch(book: Rulebook, move: Move, *, owner: str) -> None:
    from autarch.forge import rules_waivers  # noqa: PLC0415  it is loaded by the push it judges

    need_role(book, ("agent", "human") if move.new is None else ("agent",), "a branch under agent/")
    login = book.pusher.login
    if book.pusher.role == "agent" and login not in {owner, SHARED_AGENT}:
        fix = f"push to agent/{login}/... instead"
        raise refuse("branch-owner", f"the branch belongs to agent {owner}; you are {login}", fix)
    _need_commit(book, move)
    if move.new is not None:
        rules_waivers.judge_agent_paths(book, move.new)


def _need_commit(book: Rulebook, move: Move) -> None:
    if move.new is not None and book.repo.kind_of(move.new) != "commit":
        raise refuse("branch-commit", f"a branch names a {book.repo.kind_of(move.new)}", "push a commit")
