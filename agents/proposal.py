"""Turn a proposal into a branch and a pull request, whoever wrote it.

No work tree is touched: blobs, a tree and a commit are written beside main's tip, the branch is pushed
with the agent's token, and the forge is asked to open the pull request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from autarch.canonical import sha256_hex
from autarch.errors import RefusedError
from autarch.forge.wire import Pull
from autarch.repo.git import GitRepo, StaleRefError
from autarch.repo.objects import Person
from autarch.repo.runner import Remote

BRANCH = re.compile(r"agent/(?P<agent>[a-z0-9-]+)/(?P<slug>[a-z][a-z0-9_]*)-(?P<number>\d+)\Z")
ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What an agent wants merged: the whole content of one strategy folder.

    Attributes:
        agent: Kind of agent, such as `tuner`; part of the branch name.
        slug: The strategy's folder.
        base: Commit of main the proposal was written against.
        files: File name inside the folder -> bytes; files of the folder not named stay as they are.
        trailers: Key and value of each trailer of the commit, in order.
        study: The packed trials behind the numbers, or None.
    """

    agent: str
    slug: str
    base: str
    files: dict[str, bytes]
    title: str
    body: str
    trailers: tuple[tuple[str, str], ...]
    study: bytes | None = None


class PullForge(Protocol):
    """The calls of a forge's client that a proposal makes."""

    def create_pull(self, *, head: str, title: str, body: str) -> Pull:
        """Open a pull request."""

    def pulls(self, *, state: str = "open", head: str | None = None) -> tuple[Pull, ...]:
        """Return pull requests."""


def open_pull_request(
    proposal: Proposal, *, repo: GitRepo, remote: Remote, forge: PullForge, when_s: int
) -> tuple[Pull, str]:
    """Push `proposal` on a branch of its own and open its pull request; return it and the head commit.

    The same proposal at the same time is the same commit. Where its branch or its pull request is there already, as
    after a crash, that one is taken and no second is made.

    Args:
        proposal: What to propose.
        repo: A clone holding `proposal.base`; receives the new objects.
        remote: The forge's repository, with the agent's token.
        forge: The forge's API, with the agent's token.
        when_s: Time of the commit, in epoch seconds.

    Raises:
        RefusedError: the proposal equals main, or the forge refuses the branch or the pull request.
    """
    head = write_commit(proposal, repo=repo, author=Person(name=proposal.agent, email=_EMAIL, when_s=when_s))
    moves: dict[str, str | None] = {}
    if proposal.study is not None:
        moves[f"refs/autarch/studies/{sha256_hex(proposal.study)}"] = repo.write_blob(proposal.study)
    branch = _pushed_before(proposal, head, repo=repo, remote=remote)
    if branch is None:
        branch = _push_on_free_branch(proposal, head, moves, repo=repo, remote=remote)
    else:
        known = [pull for pull in forge.pulls(state="all", head=branch) if pull.head_sha == head]
        if known:
            return known[0], head
    return forge.create_pull(head=branch, title=proposal.title, body=proposal.body), head


def _pushed_before(proposal: Proposal, head: str, *, repo: GitRepo, remote: Remote) -> str | None:
    """Return the branch that names `head` on the forge, None where there is none."""
    there = repo.ls_remote(remote, f"refs/heads/agent/{proposal.agent}/*")
    found = [ref.removeprefix("refs/heads/") for ref, oid in there.items() if oid == head]
    return found[0] if found else None


def push_onto(proposal: Proposal, *, branch: str, repo: GitRepo, remote: Remote, when_s: int) -> str:
    """Go on with a branch that names `proposal.base`, and return its new head; its pull request is judged anew.

    Raises:
        RefusedError: nothing changes, or the forge refuses.
        StaleRefError: the branch has moved meanwhile.
    """
    head = write_commit(proposal, repo=repo, author=Person(name=proposal.agent, email=_EMAIL, when_s=when_s))
    ref = f"refs/heads/{branch}"
    moves: dict[str, str | None] = {ref: head}
    if proposal.study is not None:
        study = f"refs/autarch/studies/{sha256_hex(proposal.study)}"
        if study not in repo.ls_remote(remote, study):
            moves[study] = repo.write_blob(proposal.study)
    repo.push(remote, moves, leases={ref: proposal.base})
    return head


_EMAIL = "agent@autarch.invalid"


def write_commit(proposal: Proposal, *, repo: GitRepo, author: Person) -> str:
    """Store the proposal's commit on top of its base and return its id.

    Raises:
        RefusedError: the files are what main already has.
    """
    base_tree = repo.tree_of(proposal.base)
    changes = {f"strategies/{proposal.slug}/{name}": content for name, content in proposal.files.items()}
    tree = repo.with_files(base_tree, changes)
    if tree == base_tree:
        raise RefusedError(
            f"the proposal for {proposal.slug} equals what main has; nothing better was found, nothing is proposed"
        )
    trailers = "\n".join(f"{key}: {value}" for key, value in proposal.trailers)
    message = f"{proposal.title}\n\n{proposal.body.strip()}\n\n{trailers}\n"
    return repo.commit_tree(tree, parents=[proposal.base], message=message, author=author)


def _push_on_free_branch(
    proposal: Proposal, head: str, moves: dict[str, str | None], *, repo: GitRepo, remote: Remote
) -> str:
    prefix = f"agent/{proposal.agent}/{proposal.slug}-"
    taken = repo.ls_remote(remote, "refs/heads/agent/*", "refs/autarch/studies/*")
    fresh = {ref: oid for ref, oid in moves.items() if ref not in taken}
    names = [ref.removeprefix("refs/heads/") for ref in taken]
    numbers = [int(m["number"]) for name in names if name.startswith(prefix) and (m := BRANCH.match(name))]
    first = max(numbers, default=0) + 1
    for number in range(first, first + ATTEMPTS_MAX):
        branch = f"{prefix}{number}"
        ref = f"refs/heads/{branch}"
        try:
            repo.push(remote, {ref: head, **fresh}, leases={ref: None})
        except StaleRefError:
            continue
        return branch
    raise RefusedError(f"branches {prefix}{first} and the {ATTEMPTS_MAX - 1} after it are taken; close some first")
