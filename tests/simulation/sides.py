"""What a simulated process is given beside venue and journal: bars, brains, clock, alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from autarch.canonical import EpochMs
from autarch.market.types import Market
from live.ports.bars import Instant
from live.ports.brain import Decided

from .loop import Process
from .scenario import Wanted
from .wire import House

SLEEVE = "one_idea"


@dataclass(slots=True, kw_only=True)
class DrawnBars:
    """Confirmed bars, each a little after its close; what was missed comes at once, and late.

    `after_ms`: the newest close that was decided on before. `late_ms` is added to the next bar once.
    """

    house: House
    drawn: Market
    keys: tuple[str, ...]
    after_ms: int
    deadline_ms: int
    late_ms: Callable[[], int]
    _row: int = field(init=False)
    _due_ms: int | None = None

    def __post_init__(self) -> None:
        """Stand before the first row whose close comes after `after_ms`."""
        step, first = self.drawn.interval_ms, int(self.drawn.ts[0])
        self._row = max(0, (self.after_ms - first) // step)

    def market(self, _key: str) -> Market:
        """See `live.ports.bars.Bars`."""
        return self.drawn

    async def next(self) -> Instant | None:
        """See `live.ports.bars.Bars`."""
        if self._row + 1 >= self.drawn.n_bars:
            await asyncio.get_running_loop().create_future()
        if (wait := self._told_at() - self.house.now_ms()) > 0:
            await asyncio.sleep(wait / 1000)
        row, self._row, self._due_ms = self._row, self._row + 1, None
        closes = self._closes(row)
        now = self.house.now_ms()
        late = now - closes > self.deadline_ms
        return Instant(
            time_ms=EpochMs(now if late else closes),
            closing=tuple((key, row) for key in self.keys),
            opening=tuple((key, row + 1) for key in self.keys),
            traded={},
        )

    def behind(self) -> bool:
        """See `live.ports.bars.Bars`."""
        return self._row + 1 < self.drawn.n_bars and self._told_at() <= self.house.now_ms()

    async def close(self) -> None:
        """See `live.ports.bars.Bars`."""

    def _closes(self, row: int) -> int:
        return int(self.drawn.ts[row]) + self.drawn.interval_ms

    def _told_at(self) -> int:
        """Return when the next bar is told; drawn once a bar."""
        if self._due_ms is None:
            self._due_ms = self._closes(self._row) + 20 + int(self.house.rng.random() * 250) + self.late_ms()
        return self._due_ms


@dataclass(slots=True, kw_only=True)
class TableBrain:
    """Reads decisions off a table; `asked` is called with True while it thinks."""

    table: Mapping[str, tuple[Wanted, ...]]
    asked: Callable[[bool], None]
    house: House
    name: str = SLEEVE

    async def decide(self, row: int) -> Decided | None:
        """See `live.ports.brain.Brain`."""
        self.asked(True)
        await asyncio.sleep(self.house.rng.random() * 0.05)
        self.asked(False)
        return Decided(
            inputs=f"{row:064x}",
            symbols={
                symbol: dict(zip(("exposure", "stop_loss", "take_profit"), rows[row], strict=True))
                for symbol, rows in self.table.items()
            },
        )

    def close(self) -> None:
        """See `live.ports.brain.Brain`."""


@dataclass(slots=True, kw_only=True)
class WallClock:
    """A wall clock that may be off."""

    house: House
    off_ms: int = 0

    def now_ms(self) -> EpochMs:
        """See `live.ports.clock.Clock`."""
        return EpochMs(self.house.now_ms() + self.off_ms)


@dataclass(slots=True, kw_only=True)
class Told:
    """Everything a human was alerted to: (venue time, severity, subject, text)."""

    house: House
    process: Process
    told: list[tuple[int, str, str, str]]

    def tell(self, severity: str, subject: str, text: str) -> None:
        """See `live.ports.alerts.Alerts`."""
        self.process.must_live()
        self.told.append((self.house.now_ms(), severity, subject, text))
