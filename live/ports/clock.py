"""The port to time: wall time in epoch ms for records and deadlines; asyncio's own timers for waiting."""

from __future__ import annotations

from typing import Protocol

from autarch.canonical import EpochMs


class Clock(Protocol):
    """What time it is. A recording's clock stands at its newest instant."""

    def now_ms(self) -> EpochMs:
        """Return the present time."""
        ...
