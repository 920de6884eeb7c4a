"""Merge a pull request on a platform that takes its time: it computes first, and a queue merges later.

GitHub answers `mergeable: null` until it has computed the merge, and refuses a merge by a request where main has a
queue. Sources: GitHub's REST reference, "Get a pull request", "Merge a pull request asynchronously" (2026-03-10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from autarch.errors import UndecidedError
from autarch.forge.answers import ForgeRefusedError
from autarch.forge.client import ForgeClient
from autarch.forge.wire import Pull

PATIENCE_S = 600.0
FIRST_S, LONGEST_S = 0.5, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait in all, seconds, and by what: `clock` is monotonic seconds, `told` hears what is waited for."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    told: Callable[[str], None]
    seconds: float = PATIENCE_S


def merge_when_ready(forge: ForgeClient, number: int, *, sha: str, patience: Patience) -> str:
    """Merge a pull request whose head is `sha`, through main's queue where it has one; return the merge commit.

    Asked again after it gave up, it finds what became of the first time.

    Raises:
        ForgeRefusedError: 405 a rule is not met or the pull request was closed, 409 the head is another by now.
        UndecidedError: nothing was decided within the patience; what was asked for may happen later.
    """
    waits = _Waits(patience)
    pull = _computed(forge, number, sha, waits)
    if pull.merged:
        return _commit_of(pull)
    if not has_queue(forge, pull.base_ref):
        return _merged_at_once(forge, number, sha, waits)
    _enqueue(forge, number, sha, waits)
    return _out_of_queue(forge, number, sha, waits)


def has_queue(forge: ForgeClient, branch: str) -> bool:
    """Return whether pull requests reach `branch` through a merge queue; where rules cannot be seen, they do not."""
    try:
        return any(rule.get("type") == "merge_queue" for rule in forge.branch_rules(branch))
    except ForgeRefusedError as error:
        if error.status not in {httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}:
            raise
        return False


class _Waits:
    """Waits that double, until the patience is used up."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._until = patience.clock() + patience.seconds
        self._next_s = FIRST_S
        self._said = ""

    def or_give_up(self, what: str, *, after: str) -> None:
        """Wait once more for `what`; `after` is what a user does when it took too long.

        Raises:
            UndecidedError: the patience is used up.
        """
        left = self._until - self._patience.clock()
        if left <= 0:
            raise UndecidedError(f"{what} for {self._patience.seconds:.0f} s; {after}")
        if what != self._said:
            self._patience.told(what)
            self._said = what
        self._patience.sleep(min(self._next_s, left))
        self._next_s = min(2 * self._next_s, LONGEST_S)


def _computed(forge: ForgeClient, number: int, sha: str, waits: _Waits) -> Pull:
    """Return the pull request once the platform knows whether it can be merged, or has merged it."""
    while True:
        pull = _still(forge, number, sha)
        if pull.merged or pull.mergeable is not None:
            return pull
        waits.or_give_up(
            f"pull request {number}: the forge is computing whether it can be merged", after="nothing was asked: repeat"
        )


def _merged_at_once(forge: ForgeClient, number: int, sha: str, waits: _Waits) -> str:
    while True:
        try:
            return forge.merge_pull(number, sha=sha)
        except ForgeRefusedError as error:
            # A main that moved in between makes it compute anew; only then is a refusal no last word.
            if error.status != httpx.codes.METHOD_NOT_ALLOWED or forge.pull(number).mergeable is not None:
                raise
        pull = _computed(forge, number, sha, waits)
        if pull.merged:
            return _commit_of(pull)


def _enqueue(forge: ForgeClient, number: int, sha: str, waits: _Waits) -> None:
    """Put the pull request into the queue; returns when it is there, or merged already."""
    try:
        asked = forge.enqueue_pull(number, sha=sha)
    except ForgeRefusedError as error:
        if error.status != httpx.codes.CONFLICT:
            raise
        return  # asked for already, by us or by somebody else; what becomes of it is the same
    while asked.status == "pending":
        waits.or_give_up(f"pull request {number} is on its way into the merge queue", after=_LATER)
        asked = forge.enqueued(number, asked.uuid)
    if asked.status == "failed":
        raise ForgeRefusedError(httpx.codes.METHOD_NOT_ALLOWED, asked.message)


_LATER = "it may still merge, or the queue refused it: read its checks before asking again: autarch pr show"


def _out_of_queue(forge: ForgeClient, number: int, sha: str, waits: _Waits) -> str:
    while True:
        pull = _still(forge, number, sha)
        if pull.merged:
            return _commit_of(pull)
        waits.or_give_up(
            f"pull request {number} is in the merge queue, which judges it together with main as it is then",
            after=_LATER,
        )


def _still(forge: ForgeClient, number: int, sha: str) -> Pull:
    """Return the pull request while its head is what was read and it is open, or merged.

    Raises:
        ForgeRefusedError: 409 another head, 405 it was closed.
    """
    pull = forge.pull(number)
    if pull.head_sha != sha:
        raise ForgeRefusedError(httpx.codes.CONFLICT, f"the head is at {pull.head_sha}, you read {sha}")
    if pull.state != "open" and not pull.merged:
        raise ForgeRefusedError(httpx.codes.METHOD_NOT_ALLOWED, f"pull request {number} is closed")
    return pull


def _commit_of(pull: Pull) -> str:
    if pull.merge_commit is None:
        raise UndecidedError(f"pull request {pull.number} is merged, and the forge names no commit; run it again")
    return pull.merge_commit
