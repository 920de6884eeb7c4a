"""Recorded bars as a feed: instant by instant, as fast as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine.packing import listed_rows
from autarch.market.types import Market
from live.ports.bars import Instant


class RecordedBars:
    """Plays markets that are known to their end, and moves along whoever lives by them. Implements `Bars`, `Clock`."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        *,
        after_ms: int | None = None,
        move: Callable[[EpochMs], None] = lambda _time_ms: None,
    ) -> None:
        """Stand after `after_ms`, where everything up to and at it has happened, or before the first instant.

        Args:
            markets: By sleeve key; intervals may differ, each market is dense.
            after_ms: Newest instant of an earlier run.
            move: Called with each instant's time before it is returned, and at once with `after_ms`.
        """
        self._markets = dict(markets)
        self._move = move
        self._traded = {key: _not_traded(market) for key, market in self._markets.items()}
        opens = [market.ts for market in self._markets.values()]
        closes = [market.ts + market.interval_ms for market in self._markets.values()]
        self._times = np.unique(np.concatenate([*opens, *closes])) if opens else np.empty(0, dtype=np.int64)
        self._next = 0
        self._now = EpochMs(int(self._times[0]) if self._times.size else 0)
        if after_ms is not None:
            self._next = int(np.searchsorted(self._times, after_ms, side="right"))
            self._now = EpochMs(max(self._now, after_ms))
            move(self._now)

    def __len__(self) -> int:
        """Return the number of instants, those passed included."""
        return int(self._times.size)

    @property
    def passed(self) -> int:
        """Instants that lie behind."""
        return self._next

    def market(self, strategy: str) -> Market:
        """See `Bars`."""
        return self._markets[strategy]

    async def next(self) -> Instant | None:
        """See `Bars`."""
        if self._next == self._times.size:
            return None
        self._now = EpochMs(int(self._times[self._next]))
        self._next += 1
        self._move(self._now)
        return self._instant(self._now)

    def behind(self) -> bool:
        """Return False: nothing is past before it is asked for."""
        return False

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def now_ms(self) -> EpochMs:
        """See `Clock`."""
        return self._now

    def _instant(self, now: EpochMs) -> Instant:
        closing, opening, traded = [], [], {}
        for key, market in self._markets.items():
            row, rest = divmod(now - int(market.ts[0]), market.interval_ms)
            if rest:
                continue
            if 1 <= row <= market.n_bars:
                closing.append((key, row - 1))
            if 0 <= row < market.n_bars:
                opening.append((key, row))
                traded.update(dict.fromkeys(self._traded[key].get(row, ()), False))
        return Instant(time_ms=now, closing=tuple(closing), opening=tuple(opening), traded=traded)


def _not_traded(market: Market) -> dict[int, list[str]]:
    """Return by row the symbols in which no order can fill."""
    found: dict[int, list[str]] = {}
    for series, instrument in zip(market.series, market.instruments, strict=True):
        for row in np.flatnonzero(~listed_rows(market, series, instrument)).tolist():
            found.setdefault(row, []).append(series.symbol)
    return found
