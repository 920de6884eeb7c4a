"""Find out what became of an order that nobody answered for.

A request whose timestamp is older than the receive window is refused; so after a fence nothing unseen can be accepted
any more. What three rounds of reads over fifteen seconds after the fence do not show, while the position is what the
known executions make of it, was never placed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.errors import VenueError, VenueUnknown
from live.ports.venue import OrderState
from live.venue.bybit.parsing import amount, execution_of
from live.venue.bybit.reads import Reads
from live.venue.bybit.sizes import Sizes

MARGIN_MS: Final = 2000
"""Beyond the receive window: for requests that were in the venue's own queues."""
EMPTY_ROUNDS: Final = 3
EMPTY_S: Final = 15.0
"""Reads have been seen to lag behind the streams by so much."""
FIRST_WAIT_S: Final = 0.25
WAIT_S_MAX: Final = 4.0
OVERLAP_MS: Final = 60_000


class Settling:
    """Settles one order after the other."""

    def __init__(
        self, reads: Reads, sizes: Sizes, *, now_ms: Callable[[], EpochMs], recv_window_ms: int, most_s: float
    ) -> None:
        """Take what it reads by; `most_s` bounds one settlement."""
        self._reads = reads
        self._sizes = sizes
        self._now_ms = now_ms
        self._recv_window_ms = recv_window_ms
        self._most_s = most_s

    async def settle(self, order_link_id: str, symbol: str, *, sent_ms: EpochMs) -> OrderState | None:
        """Return the order's state, or None when it never was and never will be.

        The fence counts from now: what was sent before has a timestamp from before, whatever clocks say.

        Raises:
            VenueUnknown: neither could be shown within the time allowed, or nothing may be asked now: who waits for
                that keeps every other symbol waiting too.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        fence_ms = max(sent_ms, self._now_ms()) + self._recv_window_ms + MARGIN_MS
        empty_rounds, empty_since, wait_s, trouble = 0, 0.0, FIRST_WAIT_S, ""
        while loop.time() - began < self._most_s:
            try:
                found = await self._traced(order_link_id, symbol)
            except VenueError as error:
                trouble, empty_rounds = str(error), 0
                if self._reads.silent_s:
                    break
            else:
                if found is not None:
                    return found
                if self._now_ms() > fence_ms:
                    empty_since = empty_since if empty_rounds else loop.time()
                    empty_rounds += 1
                    if empty_rounds >= EMPTY_ROUNDS and loop.time() - empty_since >= EMPTY_S:
                        await self._require_unmoved(order_link_id, symbol, sent_ms)
                        return None
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, WAIT_S_MAX)
        raise VenueUnknown(
            f"{symbol} order {order_link_id}: unsettled after {min(self._most_s, loop.time() - began):.0f} s of reading"
            f"{' (' + trouble + ')' if trouble else ''}. Look for it at the venue; the symbol stays halted until then"
        )

    async def _traced(self, order_link_id: str, symbol: str) -> OrderState | None:
        order = await self._reads.order(order_link_id, symbol)
        if order is not None:
            return order
        fills = await self._reads.fills(order_link_id, symbol)
        return from_fills(order_link_id, fills) if fills else None

    async def _require_unmoved(self, order_link_id: str, symbol: str, sent_ms: EpochMs) -> None:
        """Make sure that the position, too, knows nothing of the order.

        Raises:
            VenueUnknown: it has moved by something no execution shows.
        """
        try:
            since = EpochMs(max(0, sent_ms - OVERLAP_MS))
            for execution in await self._reads.executions(since_ms=since, now_ms=self._now_ms()):
                self._sizes.executed(execution)
            placed = await self._reads.position(symbol)
        except VenueError as error:
            raise VenueUnknown(f"{symbol} order {order_link_id}: no trace of it, but {error}") from error
        if self._sizes.has_filled(order_link_id):
            raise VenueUnknown(
                f"{symbol} order {order_link_id}: a fill of it was told, and no read shows it. Look at the account "
                "before anything else is sent for the symbol"
            )
        if not self._sizes.explains(placed):
            raise VenueUnknown(
                f"{symbol} order {order_link_id}: no trace of it, but the position is {placed.position.size}, which "
                "the executions shown do not explain. Look at the account before anything else is sent for the symbol"
            )


def from_fills(order_link_id: str, fills: Sequence[Mapping[str, Any]]) -> OrderState:
    """Return an order whose own row lags, from its fills: they prove that it was taken.

    Raises:
        VenueError: a row lacks what we act on.
    """
    known = [(execution, row) for row in fills if (execution := execution_of(row)) is not None]
    if not known:
        raise VenueError(f"order {order_link_id}: executions of a kind that is not known")
    filled = sum((execution.qty for execution, _ in known), Decimal(0))
    first, row = known[0]
    qty = amount(row, "orderQty", default=filled)
    return OrderState(
        order_id=first.order_id,
        order_link_id=order_link_id,
        symbol=first.symbol,
        side=first.side,
        status="filled" if filled >= qty else "open",
        qty=qty,
        filled=filled,
        reduce_only=False,
    )
