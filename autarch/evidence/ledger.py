"""The ledger: an append-only branch of signed entries, counted before anyone looks at a score.

Branch `autarch/ledger` is one line of commits. The first is empty and the same everywhere; each other
adds one file: a signed record that names the digest of the record before it. So the newest signature
vouches for everything below it, and a file changed, dropped, inserted or moved breaks the chain.
Rewriting the branch with the right key is what remains possible; against that, merges and tags carry
the head, and a reader refuses a head that does not descend from the newest one it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from autarch.evidence.ledger_count import count_trials, final_answer, find_reservation
from autarch.evidence.ledger_entry import LedgerEntry, LedgerError, Sealed, entry_body, entry_path, record_digest
from autarch.evidence.ledger_read import ChainReader
from autarch.repo.git import GitRepo, Remote, StaleRefError
from autarch.repo.objects import Person
from autarch.repo.signers import trust_at
from autarch.repo.signing import NS_LEDGER, Trust, signed_record

LEDGER_REF = "refs/heads/autarch/ledger"
APPEND_ATTEMPTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the next entry goes: behind commit `head`, as number `seq`, after the record with digest `prev`."""

    head: str
    seq: int
    prev: str | None


Draft = Callable[[Place], LedgerEntry | None]
"""Makes the entry for a place in the chain. None: nothing to add."""


class Ledger:
    """The ledger in one repository, and with `remote` the one it mirrors."""

    def __init__(
        self, repo: GitRepo, *, trust: Trust, remote: Remote | None = None, recorded: str | None = None
    ) -> None:
        """Open the ledger of `repo`.

        Args:
            repo: Holds the branch, or its local copy when `remote` is given.
            trust: Who may sign entries: ci's signers as committed on main.
            remote: The forge; appends are pushed there, and only what it took is kept.
            recorded: A head that main records: what is synced must descend from it, also in a clone that has never
                seen a ledger before and would take one that was cut for the whole.
        """
        self._recorded = recorded
        self._repo = repo
        self._remote = remote
        self._reader = ChainReader(repo, trust)

    def head(self) -> str | None:
        """Return the newest commit known here, or None where there is no ledger yet."""
        return self._repo.read_ref(LEDGER_REF)

    def begin(self) -> str:
        """Make the branch with its empty first commit, unless there is one, and return its head."""
        found = self.sync()
        if found is not None:
            return found
        author = Person(name="Autarch CI", email="ci@autarch.invalid")
        root = self._repo.commit_tree(
            self._repo.write_tree(()), parents=[], message="Begin the ledger\n", author=author
        )
        self._publish(root, None)
        return root

    def sync(self) -> str | None:
        """Fetch the remote's ledger, verify what is new, move the local branch, return its head.

        Raises:
            LedgerError: the remote's ledger does not descend from ours or from what main records, is gone, or does not
                verify.
        """
        head = self._synced()
        if self._recorded is not None:
            self._reader.check_descent(head, self._recorded)
            self._recorded = None  # whatever comes next descends from this head
        return head

    def _synced(self) -> str | None:
        known = self.head()
        if self._remote is None:
            return known
        there = self._repo.ls_remote(self._remote, LEDGER_REF).get(LEDGER_REF)
        if there == known:
            return known
        if there is None:
            raise LedgerError(
                f"the forge has no ledger any more; ours is at {known}. Do not merge or release; restore it"
            )
        self._repo.fetch(self._remote, [there])
        self.extension(known, there)
        self._repo.update_ref(LEDGER_REF, there, old=known)
        return there

    def entries(self, head: str | None = None, *, known: str | None = None) -> tuple[Sealed, ...]:
        """Return every entry up to `head` (the newest), oldest first, chain verified.

        The newest record's signature is checked, and it covers all others; `verify` checks each.

        Args:
            head: A commit of the ledger.
            known: A head the caller has seen before, from which this one must descend.

        Raises:
            LedgerError: anything about the chain does not hold.
        """
        at = head if head is not None else self.head()
        if known is not None:
            self._reader.check_descent(at, known)
        return () if at is None else self._reader.chain(at)

    def verify(self, head: str | None = None) -> tuple[Sealed, ...]:
        """Return every entry like `entries`, with every signature checked.

        Raises:
            LedgerError: as `entries`, or any record is not signed by a listed signer.
        """
        at = head if head is not None else self.head()
        return () if at is None else self.extension(None, at)

    def extension(self, known: str | None, head: str) -> tuple[Sealed, ...]:
        """Return the entries between `known` and `head`, every one checked: chain, place and signature.

        This is what a pre-receive hook asks before the branch moves.

        Raises:
            LedgerError: `head` does not descend from `known`, or an entry does not verify.
        """
        return self._reader.extension(known, head)

    def trials(self, head: str | None = None) -> int:
        """Return how many trials the ledger holds up to `head`; see `count_trials`."""
        return count_trials(self.entries(head))

    def append(self, entry: LedgerEntry, *, key: Path) -> Sealed:
        """Add `entry` in the next free place, whatever its own `seq` and `prev`, and return it once durable.

        Raises:
            LedgerError: the ledger does not verify, the key is not a listed signer's, or others
                kept writing first.
            PushRefusedError: the forge's rules refuse it (the token's role may not write the ledger).
        """
        added = self._append(lambda place: _placed(entry, place), key=key)
        if added is None:
            raise LedgerError("an entry that must be added was not")
        return added

    def derive(self, entry: Callable[[tuple[Sealed, ...]], LedgerEntry | None], *, key: Path) -> Sealed | None:
        """Add the entry that follows from all entries before it, made anew whenever another one came first.

        Args:
            entry: Makes it from the entries, oldest first; None: nothing is to be added, and None is returned.
            key: The signer's.

        Raises:
            LedgerError, PushRefusedError: as `append`.
        """

        def draft(place: Place) -> LedgerEntry | None:
            made = entry(self._reader.chain(place.head))
            return None if made is None else _placed(made, place)

        return self._append(draft, key=key)

    def reserve(self, wanted: LedgerEntry, *, key: Path) -> Sealed:
        """Return the reservation of the judgement `wanted` describes, adding it unless it is there.

        Once this returns, the reservation is durable: only then may a score be computed.

        Raises:
            LedgerError: as `append`.
            PushRefusedError: as `append`.
        """
        found: list[Sealed] = []

        def draft(place: Place) -> LedgerEntry | None:
            known = find_reservation(self._reader.of_pull(place.head, wanted.pr), wanted)
            found[:] = [] if known is None else [known]
            return None if found else _placed(wanted, place)

        return self._append(draft, key=key) or found[0]

    def answer(self, reserved: Sealed, answer: LedgerEntry, *, key: Path) -> Sealed:
        """Return the final answer to a reservation, adding `answer` unless there is one already.

        Raises:
            LedgerError: the ledger holds another final answer to the same judgement: two runs disagree.
            PushRefusedError: as `append`.
        """
        found: list[Sealed] = []

        def draft(place: Place) -> LedgerEntry | None:
            final = final_answer(self._reader.answering(place.head, reserved.digest), reservation=reserved.digest)
            found[:] = [] if final is None else [final]
            return None if found else _placed(answer, place)

        added = self._append(draft, key=key)
        if added is not None:
            return added
        there = found[0].entry
        for name in ("kind", "verdict", "evidence", "decisions", "stopped"):
            before, now = getattr(there, name), getattr(answer, name)
            if before != now:
                raise LedgerError(
                    f"judging again gives {name} {now}, ledger entry {there.seq} says {before}: the judgement is "
                    "not reproducible here. Compare with `autarch verify`, then push a new head"
                )
        return found[0]

    def word(
        self, reserved: Sealed, kind: Literal["lane", "look"], word: Callable[[], LedgerEntry], *, key: Path
    ) -> Sealed:
        """Return the lane or look entry of a reservation; `word` is asked for one only where there is none yet.

        Raises:
            LedgerError: as `append`.
            PushRefusedError: as `append`.
        """
        head = self.sync()
        found = [] if head is None else self._given(head, reserved, kind)
        if found:
            return found[0]
        made = word()

        def draft(place: Place) -> LedgerEntry | None:  # another run of the same judgement may have been told meanwhile
            found[:] = self._given(place.head, reserved, kind)
            return None if found else _placed(made, place)

        return self._append(draft, key=key) or found[0]

    # Inside

    def _given(self, head: str, reserved: Sealed, kind: str) -> list[Sealed]:
        return [s for s in self._reader.answering(head, reserved.digest) if s.entry.kind == kind]

    def _append(self, draft: Draft, *, key: Path) -> Sealed | None:
        for _ in range(APPEND_ATTEMPTS_MAX):
            try:
                parent = self.sync()
                if parent is None:
                    raise LedgerError("there is no ledger to append to; make the workspace with: autarch init")
                entry = draft(self._place_behind(parent))
                if entry is None:
                    return None
                record = signed_record(entry_body(entry), key=key, namespace=NS_LEDGER)
                commit = self._commit(entry, record, parent)
                self._reader.check_record(record, commit)
                self._publish(commit, parent)
            except StaleRefError:
                continue
            return Sealed(entry=entry, digest=record_digest(record), commit=commit)
        raise LedgerError(f"{APPEND_ATTEMPTS_MAX} times somebody else wrote to the ledger first; run it again")

    def _place_behind(self, parent: str) -> Place:
        last = self._reader.tail(parent)
        if last is None:
            return Place(head=parent, seq=1, prev=None)
        return Place(head=parent, seq=last.entry.seq + 1, prev=last.digest)

    def _commit(self, entry: LedgerEntry, record: bytes, parent: str) -> str:
        grown = self._repo.with_files(self._repo.tree_of(parent), {entry_path(entry.seq): record})
        author = Person(name="Autarch CI", email="ci@autarch.invalid", when_s=entry.recorded_ms // 1000)
        about = f"PR {entry.pr}" if entry.pr is not None else entry.slug or "no pull request"
        message = f"Record {entry.kind} {entry.seq} of {about}\n"
        return self._repo.commit_tree(grown, parents=[parent], message=message, author=author)

    def _publish(self, commit: str, parent: str | None) -> None:
        if self._remote is None:
            self._repo.update_ref(LEDGER_REF, commit, old=parent)
            return
        self._repo.push(self._remote, {LEDGER_REF: commit}, leases={LEDGER_REF: parent})
        # The remote has it: another process of this clone that fetched it first takes nothing away.
        with suppress(StaleRefError):
            self._repo.update_ref(LEDGER_REF, commit, old=parent)


def _placed(entry: LedgerEntry, place: Place) -> LedgerEntry:
    return msgspec.structs.replace(entry, seq=place.seq, prev=place.prev)


def ledger_at(repo: GitRepo, commit: str, *, remote: Remote | None = None) -> Ledger:
    """Return the ledger as `commit` of main sees it: signed by whom it lists, no shorter than its merge recorded."""
    recorded = repo.read_commit(commit).trailers.get("Ledger-Head")
    return Ledger(repo, trust=trust_at(repo, commit, "ci"), remote=remote, recorded=recorded)
