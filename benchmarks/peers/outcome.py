"""What an engine answers, and a watch it presses between its parts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        equity: Quote at the last close, summed over the pairs of the work.
        fills: Entries and stops over all pairs, a flip counted once; the closed trades of an engine that tells no more.
        kept: The last result in full, so that it is in memory while memory is measured.
    """

    equity: float
    fills: int
    kept: object = None


@dataclass(slots=True, kw_only=True)
class Laps:
    """Processor and wall seconds of each part of a run, by name; `lap` ends a part."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    _last: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.perf_counter()))

    def lap(self, name: str) -> None:
        """Add what passed since the last lap, or since this was made, to part `name`."""
        now = time.process_time(), time.perf_counter()
        self.cpu[name] = self.cpu.get(name, 0.0) + now[0] - self._last[0]
        self.wall[name] = self.wall.get(name, 0.0) + now[1] - self._last[1]
        self._last = now
