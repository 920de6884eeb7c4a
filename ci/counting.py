"""What a ledger says up to one head, read once: trials, when it was last written, and what it tells of a candidate."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_count import count_trials, lane_word, look_word, related_pulls
from autarch.evidence.ledger_entry import LedgerEntry, Sealed
from autarch.verdict import LaneWord, LookWord

TRIED_MAX = 32
"""Earlier tries of a pull request that are looked at: the newest different ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A ledger up to the commit `head`; without one there is nothing to count.

    `newest_ms` is when its newest entry was recorded, epoch ms.
    """

    head: str | None = None
    trials: int = 0
    newest_ms: int | None = None
    entries: tuple[Sealed, ...] = ()

    def told(self, *, tree: str | None, base: str | None, dataset: str) -> Told:
        """Return what the entries tell of the candidate `tree` as judged on `base` with data set `dataset` (a name)."""
        variance = _variance(self.entries, dataset)
        if tree is None or base is None:
            return Told(variance=variance)
        return Told(
            lane=lane_word(self.entries, tree=tree, base=base),
            look=look_word(self.entries, tree=tree, base=base),
            tried=_tried(self.entries, tree=tree, base=base, dataset=dataset),
            variance=variance,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Words about hidden bars, returns of earlier tries of the same pull request, variance of all Sharpe ratios."""

    lane: LaneWord | None = None
    look: LookWord | None = None
    tried: tuple[str, ...] = ()
    variance: float | None = None


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


def _tried(entries: tuple[Sealed, ...], *, tree: str, base: str, dataset: str) -> tuple[str, ...]:
    """Return the packed returns of what was scored before, oldest first, each once."""
    own = [s.entry for s in entries if s.entry.kind == "reservation" and (s.entry.tree, s.entry.base) == (tree, base)]
    if not own or own[-1].pr is None:
        return ()
    pulls = related_pulls(entries, pr=own[-1].pr, slug=own[-1].slug)
    found = dict.fromkeys(
        entry.returns
        for entry in (s.entry for s in entries)
        if entry.returns is not None and entry.pr in pulls and entry.tree != tree and _is_of(entry, dataset)
    )
    return tuple(text for text in found if text is not None)[-TRIED_MAX:]


def _variance(entries: tuple[Sealed, ...], dataset: str) -> float | None:
    sharpes = {
        entry.decisions: entry.sharpe
        for entry in (s.entry for s in entries)
        if entry.sharpe is not None and _is_of(entry, dataset)
    }
    return statistics.variance(sharpes.values()) if len(sharpes) > 1 else None


def _is_of(entry: LedgerEntry, dataset: str) -> bool:
    return (entry.dataset or "").partition("@")[0] == dataset
