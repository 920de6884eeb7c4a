"""A pulse with what only the venue's client knows: its connection, and how far the clocks are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, slots=True)
class WithVitals:
    """An observer whose pulses also carry `vitals`. Implements `Observer`."""

    observer: Observer
    vitals: Callable[[], Vitals]

    def observe(self, events: Sequence[Event]) -> None:
        """See `Observer`."""
        self.observer.observe(events)

    def beat(self, pulse: Pulse) -> None:
        """See `Observer`."""
        now = self.vitals()
        self.observer.beat(replace(pulse, generation=now.generation, clock_offset_ms=-float(now.clock_off_ms)))
