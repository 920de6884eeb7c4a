"""Read the ledger from Git and check it: structure and digests of every entry, signatures where they matter."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from autarch.evidence.ledger_chain import Link, added_blob, check_chain, open_link
from autarch.evidence.ledger_entry import LedgerError, Sealed
from autarch.repo.git import GitRepo
from autarch.repo.history import Step, steps
from autarch.repo.signing import NS_LEDGER, SignatureError, Trust, open_record

VERIFY_THREADS = 4


class ChainReader:
    """Reads chains of one repository. What was checked once is remembered: a commit cannot change."""

    def __init__(self, repo: GitRepo, trust: Trust) -> None:
        """Read `repo`, where `trust` may sign entries."""
        self._repo = repo
        self._trust = trust
        self._entries: list[Sealed] = []
        self._places: dict[str, int] = {}  # commit -> entries up to and with it
        self._tip = ""
        self._lock = threading.Lock()

    def chain(self, head: str) -> tuple[Sealed, ...]:
        """Return every entry up to `head`, oldest first; the newest record's signature is checked and covers all.

        Raises:
            LedgerError: anything about the chain does not hold.
        """
        with self._lock:
            if head not in self._places:
                self._read_to(head)
            return tuple(self._entries[: self._places[head]])

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
        parents = self._repo.read_commit(head).parents
        step = steps(self._repo, head, exclude=parents[0] if parents else None)[-1]
        if not parents:
            _beginning(step)
            return None
        link = self._links([step])[0]
        self._check_signature(link)
        return open_link(link)

    def check_descent(self, head: str | None, known: str) -> None:
        """Refuse a head that does not descend from one that was seen before.

        Raises:
            LedgerError: it does not.
        """
        # A known head that is not even here is no ancestor: all of a head's history is.
        if head is None or self._repo.resolve(known) != known or not self._repo.is_ancestor(known, head):
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

    def _read_to(self, head: str) -> None:
        known = bool(self._tip) and self._repo.is_ancestor(self._tip, head)
        found = steps(self._repo, head, exclude=self._tip if known else None)
        entries = list(self._entries) if known else []
        parent = self._tip if known else _beginning(found[0])
        links = self._links(found if known else found[1:])
        entries += check_chain(links, parent=parent, after=entries[-1] if entries else None)
        if links:
            self._check_signature(links[-1])
        beginning = {} if known else {parent: 0}
        self._places = (self._places if known else {}) | beginning | {s.commit: s.entry.seq for s in entries}
        self._entries, self._tip = entries, head

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
