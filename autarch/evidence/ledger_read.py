"""Read the ledger from Git and check it: structure and digests of every entry, signatures where they matter."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from autarch.evidence.ledger_chain import Link, added_blob, check_chain, open_link
from autarch.evidence.ledger_entry import LedgerError, Sealed
from autarch.evidence.ledger_index import LedgerIndex
from autarch.repo.git import GitRepo
from autarch.repo.history import Step, step, steps
from autarch.repo.signing import NS_LEDGER, SignatureError, Trust, open_record

VERIFY_THREADS = 4
READ_ATTEMPTS_MAX = 5


class ChainReader:
    """Reads chains of one repository. What was checked once is remembered: a commit cannot change."""

    def __init__(self, repo: GitRepo, trust: Trust) -> None:
        """Read `repo`, where `trust` may sign entries."""
        self._repo = repo
        self._trust = trust
        self._index = LedgerIndex(repo.path)
        self._whole: tuple[str, tuple[Sealed, ...]] = ("", ())
        self._vouched: set[str] = set()
        self._tails: dict[str, Sealed | None] = {}  # of the newest commit asked about
        self._newest: Step | None = None
        self._lock = threading.Lock()

    def chain(self, head: str) -> tuple[Sealed, ...]:
        """Return every entry up to `head`, oldest first; the newest record's signature is checked and covers all.

        Raises:
            LedgerError: anything about the chain does not hold.
        """
        with self._lock:
            if self._whole[0] != head:
                self._whole = (head, self._index.upto(self._read_to(head)))
            return self._whole[1]

    def of_pull(self, head: str, pr: int | None) -> tuple[Sealed, ...]:
        """Return the entries up to `head` of one pull request, or of none, as `chain` would.

        Raises:
            LedgerError: anything about the chain does not hold.
        """
        with self._lock:
            return self._index.of_pull(pr, upto=self._read_to(head))

    def answering(self, head: str, reservation: str) -> tuple[Sealed, ...]:
        """Return the entries up to `head` that name a reservation, as `chain` would.

        Raises:
            LedgerError: anything about the chain does not hold.
        """
        with self._lock:
            return self._index.answering(reservation, upto=self._read_to(head))

    def extension(self, known: str | None, head: str) -> tuple[Sealed, ...]:
        """Return the entries between `known` (None: the beginning) and `head`, every signature checked.

        Raises:
            LedgerError: `head` does not descend from `known`, or an entry does not verify.
        """
        after = None
        if known is None:
            root, *found = steps(self._repo, head)
            parent = _beginning(root)
        else:
            self.check_descent(head, known)
            found, parent, after = list(steps(self._repo, head, exclude=known)), known, self.tail(known)
        links = self._links(found)
        chain = check_chain(links, parent=parent, after=after)
        with ThreadPoolExecutor(VERIFY_THREADS) as pool:
            list(pool.map(self._check_signature, links))
        return tuple(chain)

    def tail(self, head: str) -> Sealed | None:
        """Return the entry that `head` adds, its signature checked, or None for the empty beginning.

        Raises:
            LedgerError: it is no link of a ledger, or not signed by a listed signer.
        """
        if head in self._tails:
            return self._tails[head]
        newest = self._step(head)
        if not newest.parents:
            _beginning(newest)
            last = None
        else:
            link = self._links([newest])[0]
            self._check_signature(link)
            last = open_link(link)
        self._tails = {head: last}
        return last

    def check_descent(self, head: str | None, known: str) -> None:
        """Refuse a head that does not descend from one that was seen before.

        Raises:
            LedgerError: it does not.
        """
        # A known head that is not even here is no ancestor: all of a head's history is.
        if head is None or not self._descends(head, known):
            raise LedgerError(
                f"ledger head {head} does not descend from {known}, which was seen before: the ledger was rewritten. "
                "Trust nothing counted from it; restore the branch from a clone that has the known head"
            )

    def check_record(self, record: bytes, commit: str) -> None:
        """Refuse a record that no listed signer signed.

        Raises:
            LedgerError: nobody listed signed it.
        """
        try:
            open_record(record, trust=self._trust, namespace=NS_LEDGER)
        except SignatureError as error:
            raise LedgerError(f"ledger commit {commit[:12]}: {error}") from error

    def _read_to(self, head: str) -> int:
        """Read what lies between the newest commit known and `head`, and return the number of entries up to it."""
        place = self._index.place(head)
        for _ in range(READ_ATTEMPTS_MAX):
            if place is not None:
                break
            self._read_on(head)
            place = self._index.place(head)
        if place is None:
            raise LedgerError(f"other processes keep reading another history than {head[:12]}; run it again")
        if place and head not in self._vouched:
            self.tail(head)
            self._vouched.add(head)
        return place

    def _read_on(self, head: str) -> None:
        tip, newest = self._index.tip(), self._step(head)
        if tip is not None and (newest.parents == (tip,) or self._descends(head, tip)):
            found = [newest] if newest.parents == (tip,) else list(steps(self._repo, head, exclude=tip))
            last = self._index.at(self._index.place(tip) or 0)
        else:
            root, *found = steps(self._repo, head)
            tip, last = _beginning(root), None
            self._index.begin(tip)
        self._index.add(check_chain(self._links(found), parent=tip, after=last), after=tip)

    def _step(self, head: str) -> Step:
        """Return the newest commit; asked about again and again while one entry is added behind it."""
        if self._newest is None or self._newest.commit != head:
            self._newest = step(self._repo, head)
        return self._newest

    def _descends(self, head: str, known: str) -> bool:
        return self._repo.resolve(known) == known and self._repo.is_ancestor(known, head)

    def _links(self, found: Sequence[Step]) -> list[Link]:
        records = self._repo.read_objects([added_blob(step.commit, step.changes) for step in found])
        return [
            Link(commit=step.commit, parents=step.parents, changes=step.changes, record=record)
            for step, (_, record) in zip(found, records, strict=True)
        ]

    def _check_signature(self, link: Link) -> None:
        self.check_record(link.record, link.commit)


def _beginning(step: Step) -> str:
    if step.parents or step.changes:
        raise LedgerError(
            f"the ledger begins with commit {step.commit[:12]}, which is not the empty one every ledger begins with"
        )
    return step.commit
