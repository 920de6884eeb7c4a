"""The port to the journal: what `live.journal.Journal` and its double in memory both are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from live.journal import BarClaim, Draft, Event


class JournalPort(Protocol):
    """One account's journal, held by one writer."""

    account: str

    @property
    def head(self) -> tuple[int, str]:
        """The last event's number and hash."""
        ...

    def append(self, drafts: Sequence[Draft], *, claims: Sequence[BarClaim] = ()) -> tuple[Event, ...]:
        """Write all of it durably, or nothing, and return the events.

        Raises:
            RefusedError: another tag has already traded one of the claimed bars.
            ConfigError: the disk did not take it; nothing of it was written.
        """
        ...

    def events(self, *kinds: str, after: int = 0) -> Iterator[Event]:
        """Yield events in order, of `kinds` only when some are named, with seq above `after`."""
        ...

    def about(self, ref: str) -> tuple[Event, ...]:
        """Return the events that speak of one orderLinkId or execId."""
        ...

    def last(self, *kinds: str) -> Event | None:
        """Return the newest event of `kinds`, or None."""
        ...

    def verify(self) -> int:
        """Recompute the whole chain and return the number of events.

        Raises:
            RefusedError: an event was changed, removed or reordered.
        """
        ...
