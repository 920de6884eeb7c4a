"""Read Bybit's public history for a live feed: bars, settlements and marks, closed ones only, without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from autarch.canonical import EpochMs
from autarch.errors import DataError
from autarch.manifest import INTERVAL_MS
from autarch.market.bybit.pages import WIRE_INTERVAL
from autarch.market.bybit.wire import Found, bars_of, merge, settlements_of
from autarch.market.lock_types import Kind
from live.venue.bybit.asking import Asker
from live.venue.bybit.parsing import CATEGORY, whole

BARS_A_PAGE: Final = 1000
SETTLEMENTS_A_PAGE: Final = 200
SETTLEMENT_PAGES_MAX: Final = 200
AGREE_TRIES: Final = 8
AGREE_GAP_S: Final = 1.0
HOUR_MS: Final = 3_600_000
_PATHS: Final[dict[Kind, str]] = {"kline": "/v5/market/kline", "mark": "/v5/market/mark-price-kline"}


class History:
    """Reads over one `Asker`. Times are the venue's."""

    def __init__(self, asker: Asker, now_ms: Callable[[], EpochMs]) -> None:
        """Read nothing yet."""
        self._ask = asker
        self._now_ms = now_ms

    async def bars(self, symbol: str, interval: str, *, start_ms: int, end_ms: int, kind: Kind = "kline") -> Found:
        """Return the closed bars that open in [start, end), by their open's stamp; some may be missing.

        Raises:
            VenueError: the venue does not answer.
            DataError: it answers something else.
        """
        step = INTERVAL_MS[interval]
        found: Found = {}
        for start in range(start_ms, end_ms, step * BARS_A_PAGE):
            end = min(end_ms, start + step * BARS_A_PAGE)
            query = {
                "category": CATEGORY,
                "symbol": symbol,
                "interval": WIRE_INTERVAL[interval],
                "start": str(start),
                "end": str(end - 1),
                "limit": str(BARS_A_PAGE),
            }
            answer = await self._ask.read(_PATHS[kind], query, signed=False)
            page = bars_of(answer.result, kind, f"{symbol} {interval} {kind}")
            # An answer tells its own time: what had not closed by then is nobody's bar, whatever our clock says.
            closed = {ts: cells for ts, cells in page.items() if start <= ts < end and ts + step <= answer.time_ms}
            merge(found, closed, f"{symbol} {interval}")
        return found

    async def agreed(self, symbol: str, interval: str, *, start_ms: int, end_ms: int) -> Found:
        """Return closed bars that two reads in a row, a second apart, show alike.

        Raises:
            VenueError: the venue does not answer.
            DataError: it says something else every time.
        """
        last = await self.bars(symbol, interval, start_ms=start_ms, end_ms=end_ms)
        for _ in range(AGREE_TRIES):
            await asyncio.sleep(AGREE_GAP_S)
            again = await self.bars(symbol, interval, start_ms=start_ms, end_ms=end_ms)
            if again == last:
                return again
            last = again
        raise DataError(
            f"{symbol} {interval}: {AGREE_TRIES + 1} reads of the bars from {start_ms} to {end_ms} never agreed twice "
            "running; the venue is revising them. Nothing is decided on such bars"
        )

    async def settlements(self, symbol: str, *, start_ms: int, end_ms: int) -> Found:
        """Return the funding rates settled in [start, end], by their stamp.

        Raises:
            VenueError: the venue does not answer.
            DataError: it answers something else.
        """
        label = f"{symbol} funding"
        found: Found = {}
        newest = end_ms
        for _ in range(SETTLEMENT_PAGES_MAX):
            query = {
                "category": CATEGORY,
                "symbol": symbol,
                "startTime": str(start_ms),
                "endTime": str(newest),
                "limit": str(SETTLEMENTS_A_PAGE),
            }
            page = settlements_of(
                (await self._ask.read("/v5/market/funding/history", query, signed=False)).result, label
            )
            inside = {ts: cells for ts, cells in page.items() if start_ms <= ts <= newest}
            merge(found, inside, label)
            if len(inside) < SETTLEMENTS_A_PAGE:
                return found
            newest = min(inside) - 1
        raise DataError(f"{label}: more than {SETTLEMENT_PAGES_MAX} pages of settlements; ask for a shorter history")

    async def marks(self, symbol: str, *, start_ms: int, end_ms: int) -> Found:
        """Return hourly mark prices whose hour opens in [start, end) and has closed.

        Raises:
            VenueError: the venue does not answer.
            DataError: it answers something else.
        """
        first = start_ms - start_ms % HOUR_MS
        return await self.bars(symbol, "1h", start_ms=first, end_ms=end_ms, kind="mark")

    async def funding_interval_min(self, symbol: str) -> int:
        """Return the minutes between settlements that are in force.

        Raises:
            VenueError: the venue does not answer.
            DataError: it does not list the symbol.
        """
        query = {"category": CATEGORY, "symbol": symbol}
        rows = await self._ask.pages("/v5/market/instruments-info", query, signed=False)
        found = [whole(row, "fundingInterval") for row in rows if row.get("symbol") == symbol]
        if not found or found[0] <= 0:
            raise DataError(f"{symbol} is not listed at the venue, or without a funding interval")
        return found[0]
