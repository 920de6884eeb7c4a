"""The venue's time, by the event loop's: steps of the wall clock are seen instead of followed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from autarch.canonical import EpochMs
from autarch.errors import VenueError
from live.ports.clock import Clock

if TYPE_CHECKING:
    from live.venue.bybit.asking import Asker

SAMPLES: Final = 3
ROUND_TRIP_S_MAX: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at the venue's clock: at loop time `at_s` it showed `venue_ms`, give or take half of `round_trip_s`."""

    at_s: float
    venue_ms: float
    round_trip_s: float


class VenueTime:
    """Knows the venue's time, and how far the wall clock, which signs requests, is from it."""

    def __init__(self, clock: Clock) -> None:
        """Know nothing until `measure`."""
        self._clock = clock
        self._sample: Sample | None = None

    async def measure(self, asker: Asker) -> None:
        """Ask the venue for its time a few times and keep the quickest answer.

        Raises:
            VenueError: it does not answer, or never quickly enough to tell a second apart.
        """
        samples = [await self._look(asker) for _ in range(SAMPLES)]
        best = min(samples, key=lambda sample: sample.round_trip_s)
        if best.round_trip_s > ROUND_TRIP_S_MAX:
            raise VenueError(
                f"the venue's time came after {best.round_trip_s:.1f} s at best, expected within {ROUND_TRIP_S_MAX} s; "
                "the clock cannot be checked over such a line"
            )
        self._sample = best

    def now_ms(self) -> EpochMs:
        """Return the venue's time; the wall clock's before the first measurement."""
        if self._sample is None:
            return self._clock.now_ms()
        gone_s = asyncio.get_running_loop().time() - self._sample.at_s
        return EpochMs(round(self._sample.venue_ms + gone_s * 1000))

    def off_ms(self) -> int:
        """Return how far the wall clock is ahead of the venue's; negative when it is behind."""
        return self._clock.now_ms() - self.now_ms()

    async def _look(self, asker: Asker) -> Sample:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await asker.read("/v5/market/time", {}, signed=False)
        ended = loop.time()
        raw = str(answer.result.get("timeNano", ""))
        venue_ms = int(raw) / 1e6 if raw.isdigit() else float(answer.time_ms)
        return Sample(at_s=(began + ended) / 2, venue_ms=venue_ms, round_trip_s=ended - began)
