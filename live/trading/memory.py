"""A journal in memory: the same chain, the same rules, no disk. For simulation and rehearsal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from autarch.errors import RefusedError
from live.journal import GENESIS, BarClaim, Draft, Event, chain, event_hash
from live.journal_body import body_text


class MemoryJournal:
    """One account's journal as long as its process lives; bodies come back as they would from a file."""

    def __init__(self, *, account: str) -> None:
        """Begin empty."""
        self.account = account
        self._events: list[Event] = []
        self._bars: dict[tuple[str, int], str] = {}
        self._refs: dict[str, list[int]] = {}

    @property
    def head(self) -> tuple[int, str]:
        """The last event's number and hash."""
        return (self._events[-1].seq, self._events[-1].hash) if self._events else (0, GENESIS)

    def append(self, drafts: Sequence[Draft], *, claims: Sequence[BarClaim] = ()) -> tuple[Event, ...]:
        """See `live.ports.journal.JournalPort`."""
        for claim in claims:
            owner = self._bars.get((claim.symbol, claim.bar), claim.tag)
            if owner != claim.tag:
                raise RefusedError(
                    f"{claim.symbol} at bar {claim.bar} was already traded by {owner}; "
                    f"{claim.tag} may not trade it again"
                )
        new = tuple(replace(event, body=json.loads(text)) for event, text in chain(drafts, *self.head))
        self._bars.update({(claim.symbol, claim.bar): claim.tag for claim in claims})
        for event in new:
            if event.ref:
                self._refs.setdefault(event.ref, []).append(event.seq)
        self._events.extend(new)
        return new

    def events(self, *kinds: str, after: int = 0) -> Iterator[Event]:
        """See `live.ports.journal.JournalPort`."""
        return (event for event in self._events[after:] if not kinds or event.kind in kinds)

    def about(self, ref: str) -> tuple[Event, ...]:
        """See `live.ports.journal.JournalPort`."""
        return tuple(self._events[seq - 1] for seq in self._refs.get(ref, ()))

    def last(self, *kinds: str) -> Event | None:
        """See `live.ports.journal.JournalPort`."""
        return next((event for event in reversed(self._events) if event.kind in kinds), None)

    def tag_of(self, symbol: str, bar: int) -> str | None:
        """Return the release that traded `symbol` at the bar opening at `bar` ms, or None."""
        return self._bars.get((symbol, bar))

    def verify(self) -> int:
        """See `live.ports.journal.JournalPort`."""
        head = GENESIS
        for number, event in enumerate(self._events, 1):
            content = (number, event.time_ms, event.kind, event.ref, body_text(event.body))
            if (event.seq, event.prev, event.hash) != (number, head, event_hash(head, content)):
                raise RefusedError(f"journal in memory: event {event.seq} does not continue the chain at {number}")
            head = event.hash
        return len(self._events)
