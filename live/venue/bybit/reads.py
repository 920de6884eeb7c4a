"""Everything that is read of an account and of what is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.errors import VenueError
from live.ports.venue import Execution, Listing, OrderState, Position, Snapshot
from live.venue.bybit.asking import Asker, rows_of
from live.venue.bybit.parsing import (
    CATEGORY,
    SETTLE_COIN,
    amount,
    execution_of,
    is_hedged,
    listing_of,
    margin_mode_of,
    order_of,
    position_of,
    wallet_of,
    whole,
)

WEEK_MS: Final = 7 * 86_400_000
SPAN_MS: Final = WEEK_MS - 60_000
"""The venue takes at most seven days of a history in one question."""
HISTORY_MS: Final = 730 * 86_400_000
"""The venue keeps executions for two years."""
LINEAR: Final[Mapping[str, Any]] = {"category": CATEGORY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A position with the venue's sequence number of its newest change, which ties it to executions."""

    position: Position
    seq: int
    hedged: bool


class Reads:
    """Reads over one `Asker`."""

    def __init__(self, asker: Asker) -> None:
        """Read nothing yet."""
        self._ask = asker

    @property
    def silent_s(self) -> float:
        """Seconds for which nothing may be read; 0 when anything may."""
        return self._ask.silent_s

    async def position(self, symbol: str) -> Placed:
        """Return one symbol's position, flat or not.

        Raises:
            VenueError: it cannot be read.
        """
        rows = rows_of((await self._ask.read("/v5/position/list", {**LINEAR, "symbol": symbol})).result, "positions")
        if not rows:
            return Placed(position=Position(symbol=symbol, size=Decimal(0)), seq=0, hedged=False)
        hedged = any(is_hedged(row) for row in rows)
        return Placed(position=position_of(rows[0]), seq=whole(rows[0], "seq"), hedged=hedged)

    async def positions(self, symbols: tuple[str, ...]) -> dict[str, Placed]:
        """Return the positions of `symbols`, and every other that is not flat.

        Raises:
            VenueError: they cannot be read.
        """
        rows = await self._ask.pages("/v5/position/list", {**LINEAR, "settleCoin": SETTLE_COIN, "limit": "200"})
        found = {
            placed.position.symbol: placed
            for placed in (
                Placed(position=position_of(row), seq=whole(row, "seq"), hedged=is_hedged(row)) for row in rows
            )
            if placed.position.size != 0
        }
        # By symbol once more: only there a flat symbol shows its leverage, and a hedged account its two rows.
        for symbol in symbols:
            found[symbol] = await self.position(symbol)
        return found

    async def open_orders(self) -> tuple[OrderState, ...]:
        """Return all open orders, the venue's own triggers included.

        Raises:
            VenueError: they cannot be read.
        """
        query = {**LINEAR, "settleCoin": SETTLE_COIN, "openOnly": "0", "limit": "50"}
        rows = await self._ask.pages("/v5/order/realtime", query)
        found = {order.order_id: order for order in map(order_of, rows) if order.status == "open"}
        return tuple(found.values())

    async def snapshot(self, symbols: tuple[str, ...], *, generation: int) -> tuple[Snapshot, dict[str, Placed]]:
        """Return the account by one round of reads, and its positions with their sequence numbers.

        Raises:
            VenueError: it cannot be read.
        """
        info = await self._ask.read("/v5/account/info", {})
        placed = await self.positions(symbols)
        orders = await self.open_orders()
        query = {"accountType": "UNIFIED", "coin": SETTLE_COIN}
        wallet = wallet_of((await self._ask.read("/v5/account/wallet-balance", query)).result)
        snapshot = Snapshot(
            time_ms=info.time_ms,
            generation=generation,
            positions={symbol: found.position for symbol, found in placed.items()},
            orders=orders,
            hedge_mode=any(found.hedged for found in placed.values()),
            margin_mode=margin_mode_of(info.result),
            wallet=wallet,
        )
        return snapshot, placed

    async def executions(self, *, since_ms: EpochMs, now_ms: EpochMs) -> tuple[Execution, ...]:
        """Return every execution from `since_ms` on, oldest first, each once.

        Raises:
            VenueError: they cannot be read.
        """
        found: dict[str, Execution] = {}
        start = max(int(since_ms), now_ms - HISTORY_MS)
        while start <= now_ms:
            end = start + SPAN_MS
            query = {**LINEAR, "startTime": str(start), "endTime": str(end), "limit": "100"}
            for row in await self._ask.pages("/v5/execution/list", query):
                execution = execution_of(row)
                if execution is not None and execution.time_ms >= since_ms:
                    found[execution.exec_id] = execution
            start = end + 1
        return tuple(sorted(found.values(), key=lambda each: (each.time_ms, each.order, each.exec_id)))

    async def order(self, order_link_id: str, symbol: str) -> OrderState | None:
        """Return an order of ours by its link id, from the open and newest ones, then from history.

        Raises:
            VenueError: it cannot be read.
        """
        for path in ("/v5/order/realtime", "/v5/order/history"):
            query = {**LINEAR, "symbol": symbol, "orderLinkId": order_link_id}
            rows = rows_of((await self._ask.read(path, query)).result, path)
            for row in rows:
                if row.get("orderLinkId") == order_link_id:
                    return order_of(row)
        return None

    async def fills(self, order_link_id: str, symbol: str) -> list[Mapping[str, Any]]:
        """Return the raw execution rows of an order of ours.

        Raises:
            VenueError: they cannot be read.
        """
        query = {**LINEAR, "symbol": symbol, "orderLinkId": order_link_id, "limit": "100"}
        rows = await self._ask.pages("/v5/execution/list", query)
        return [row for row in rows if row.get("orderLinkId") == order_link_id]

    async def listings(self, symbols: tuple[str, ...]) -> dict[str, Listing]:
        """Return what is listed of `symbols`.

        Raises:
            VenueError: it cannot be read, or a filter is missing.
        """
        rows = await self._ask.pages("/v5/market/instruments-info", {**LINEAR, "limit": "1000"}, signed=False)
        return {str(row["symbol"]): listing_of(row) for row in rows if row.get("symbol") in symbols}

    async def last_price(self, symbol: str) -> Decimal:
        """Return the newest trade's price.

        Raises:
            VenueError: it cannot be read.
        """
        answer = await self._ask.read("/v5/market/tickers", {**LINEAR, "symbol": symbol}, signed=False)
        rows = [row for row in rows_of(answer.result, "tickers") if row.get("symbol") == symbol]
        if not rows or (price := amount(rows[0], "lastPrice")) <= 0:
            raise VenueError(f"no last price for {symbol}")
        return price
