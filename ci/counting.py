"""What a ledger says up to one head, read once: trials, when it was last written, and the lane of a candidate."""

from __future__ import annotations

from dataclasses import dataclass

from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import count_trials, lane_word
from autarch.evidence.ledger_entry import Sealed
from autarch.verdict import LaneWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A ledger up to the commit `head`; without one there is nothing to count.

    `newest_ms` is when its newest entry was recorded, epoch ms.
    """

    head: str | None = None
    trials: int = 0
    newest_ms: int | None = None
    entries: tuple[Sealed, ...] = ()

    def lane(self, *, tree: str | None, base: str | None) -> LaneWord | None:
        """Return the word about a candidate that the entries hold, or None."""
        return None if tree is None or base is None else lane_word(self.entries, tree=tree, base=base)


def counted_at(ledger: Ledger, head: str | None) -> Counted:
    """Return what `ledger` says up to `head`, its chain verified.

    Raises:
        LedgerError: the chain does not hold.
    """
    if head is None:
        return Counted()
    entries = ledger.entries(head)
    newest = entries[-1].entry.recorded_ms if entries else None
    return Counted(head=head, trials=count_trials(entries), newest_ms=newest, entries=entries)
