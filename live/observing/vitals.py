"""A pulse with what only feed and client know: how old their news is, the connection, how far clocks are apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from live.journal import Event
from live.ports.observer import Observer, Pulse


class Vitals(Protocol):
    """What a venue's client says of itself without asking anybody."""

    @property
    def generation(self) -> int:
        """Of the private stream."""
        ...

    @property
    def clock_off_ms(self) -> int:
        """How far the wall clock is ahead of the venue's."""
        ...

    @property
    def stale_ms(self) -> int | None:
        """Age of the newest sign of life of the private stream; None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class WithVitals:
    """An observer whose pulses also carry how old the feed's news is, and a client's vitals. Implements `Observer`.

    `vitals` is None where no client speaks to the venue, as on paper.
    """

    observer: Observer
    stale_ms: Callable[[], Mapping[str, int]]
    vitals: Callable[[], Vitals] | None = None

    def observe(self, events: Sequence[Event]) -> None:
        """See `Observer`."""
        self.observer.observe(events)

    def beat(self, pulse: Pulse) -> None:
        """See `Observer`."""
        told = replace(pulse, stale_ms=dict(self.stale_ms()))
        if self.vitals is not None:
            now = self.vitals()
            told = replace(told, generation=now.generation, clock_offset_ms=-float(now.clock_off_ms))
            if now.stale_ms is not None:
                told = replace(told, stale_ms={**told.stale_ms, "private": now.stale_ms})
        self.observer.beat(told)
