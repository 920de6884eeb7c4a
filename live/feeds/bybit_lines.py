"""One symbol's bars as they grow: confirmed rows without holes, settlements, marks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autarch.errors import DataError
from autarch.market.bybit.wire import Cells, Found
from autarch.market.schedule import derive_schedule
from autarch.market.types import Floats, FundingSchedule, Ints, SymbolSeries

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
CELLS = 5


@dataclass(slots=True, kw_only=True)
class BarLine:
    """The confirmed bars of one symbol at one interval, dense from `start_ms` on.

    Attributes:
        symbol: Whose.
        interval: As manifests write it.
        interval_ms: Its length.
        start_ms: Open of row 0.
        first_row: First row that is real; earlier ones lie before the listing.
    """

    symbol: str
    interval: str
    interval_ms: int
    start_ms: int
    first_row: int = 0
    _cells: Floats = field(default_factory=lambda: np.empty((1024, CELLS)))
    _rows: int = 0
    _ahead: Found = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows known without a hole."""
        return self._rows

    @property
    def end_ms(self) -> int:
        """Close of the last of them."""
        return self.start_ms + self._rows * self.interval_ms

    def begin(self, found: Found) -> None:
        """Take the history; what is missing at its beginning lies before the listing.

        Raises:
            DataError: there is none.
        """
        if not found:
            raise DataError(f"{self.symbol} {self.interval}: the venue has no bars since {self.start_ms}")
        first = min(found)
        self.first_row = max(0, (first - self.start_ms) // self.interval_ms)
        flat = found[first][0]
        for _ in range(self.first_row):
            self._append((flat, flat, flat, flat, 0.0))
        self.add(found)

    def add(self, found: Found) -> None:
        """Take confirmed bars; those beyond a hole wait until it is filled.

        Raises:
            DataError: a bar that is known says something else now, or is none.
        """
        for stamp, cells in found.items():
            self._check(stamp, cells)
            if stamp >= self.end_ms:
                self._ahead[stamp] = cells
        while self.end_ms in self._ahead:
            self._append(self._ahead.pop(self.end_ms))

    def row_of(self, stamp: int) -> Cells | None:
        """Return the bar that opens at a stamp, None when it is not known."""
        row = (stamp - self.start_ms) // self.interval_ms
        if 0 <= row < self._rows:
            return tuple(self._cells[row].tolist())
        return self._ahead.get(stamp)

    def columns(self, *, start_ms: int, end_ms: int) -> dict[str, Floats]:
        """Return copies of the columns of rows that open in [start, end)."""
        first, after = ((at - self.start_ms) // self.interval_ms for at in (start_ms, end_ms))
        cells = self._cells[first : min(after, self._rows)]
        return {name: cells[:, at].copy() for at, name in enumerate(("open", "high", "low", "close", "volume"))}

    def _check(self, stamp: int, cells: Cells) -> None:
        known = self.row_of(stamp)
        if known is not None and known != cells:
            raise DataError(
                f"{self.symbol} {self.interval} bar {stamp}: confirmed as {known}, and now said to be {cells}. The "
                "venue has revised it; what was decided on it stands, and nothing more is decided until a restart"
            )
        open_, high, low, close, volume = cells
        if not (0 < low <= min(open_, close) <= max(open_, close) <= high < np.inf and 0 <= volume < np.inf):
            raise DataError(f"{self.symbol} {self.interval} bar {stamp} is no bar: {cells}")
        if (stamp - self.start_ms) % self.interval_ms:
            raise DataError(f"{self.symbol} {self.interval} bar {stamp} is not on the interval's grid")

    def _append(self, cells: Cells) -> None:
        if self._rows == len(self._cells):
            self._cells = np.concatenate([self._cells, np.empty_like(self._cells)])
        self._cells[self._rows] = cells
        self._rows += 1


@dataclass(slots=True, kw_only=True)
class FundingLine:
    """One symbol's settlements and hourly marks, and when the next settlements are."""

    symbol: str
    interval_min: int
    settled: Found = field(default_factory=dict)
    marked: Found = field(default_factory=dict)  # by the hour's open

    def newest_due(self, before_ms: int) -> int:
        """Return the newest settlement strictly before a time."""
        step = self.interval_min * MINUTE_MS
        return (before_ms - 1) // step * step

    def knows(self, stamp: int) -> bool:
        """Return whether the rate settled at a stamp is known, or there was a listing only after it."""
        return stamp in self.settled or not self.settled or stamp < min(self.settled)

    def arrays(self, *, end_ms: int) -> tuple[Ints, Floats, Ints, Floats]:
        """Return stamps, rates, mark stamps and mark closes known at `end_ms`; a mark is known when its hour ends."""
        stamps = sorted(stamp for stamp in self.settled if stamp <= end_ms)
        hours = sorted(hour for hour in self.marked if hour + HOUR_MS <= end_ms)
        return (
            np.array(stamps, dtype=np.int64),
            np.array([self.settled[stamp][0] for stamp in stamps], dtype=np.float64),
            np.array([hour + HOUR_MS for hour in hours], dtype=np.int64),
            np.array([self.marked[hour][3] for hour in hours], dtype=np.float64),
        )

    def schedule(self) -> tuple[FundingSchedule, ...]:
        """Return when funding settled and will: the past from its stamps, the present as the venue says.

        Raises:
            DataError: a settlement is missing in the past.
        """
        now = FundingSchedule(from_ms=0, interval_min=self.interval_min)
        stamps = np.array(sorted(self.settled), dtype=np.int64)
        if stamps.size < 2:
            return (now,)
        past = derive_schedule(stamps, label=f"{self.symbol} funding")
        if past[-1].interval_min == self.interval_min:
            return past
        return (*past, FundingSchedule(from_ms=int(stamps[-1]), interval_min=self.interval_min))


def series_of(line: BarLine, funding: FundingLine, *, start_ms: int, end_ms: int) -> SymbolSeries:
    """Return a symbol's series of the rows that open in [start, end), and what was settled and marked by the end."""
    columns = line.columns(start_ms=start_ms, end_ms=end_ms)
    n_bars = columns["open"].size
    first_row = max(0, line.first_row - (start_ms - line.start_ms) // line.interval_ms)
    stamps, rates, mark_ms, mark_close = funding.arrays(end_ms=end_ms)
    return SymbolSeries(
        symbol=line.symbol,
        **columns,
        turnover=columns["volume"] * (columns["high"] + columns["low"] + columns["close"]) / 3,
        traded=np.arange(n_bars) >= first_row,
        first_row=first_row,
        funding_ms=stamps,
        funding_rate=rates,
        mark_ms=mark_ms,
        mark_close=mark_close,
        funding_schedule=funding.schedule(),
    )
