"""Bybit behind the venue port: REST for orders and for truth, the private stream as a hint of what to read."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from autarch.canonical import EpochMs
from autarch.errors import VenueError, VenueRejected, VenueUnknown
from live.ports.clock import Clock
from live.ports.venue import (
    ORDER_LINK_ID,
    Execution,
    Listing,
    News,
    OrderAck,
    OrderRequest,
    OrderState,
    Snapshot,
)
from live.venue.bybit.asking import Asker
from live.venue.bybit.checks import check_account, check_clock, check_key, clock_text, set_leverage
from live.venue.bybit.news import NewsDesk
from live.venue.bybit.options import BybitOptions
from live.venue.bybit.outcomes import GONE, SAME, order_error
from live.venue.bybit.parsing import CATEGORY, decimal_text
from live.venue.bybit.ports import NotSent, RetCode, Streams, Transport, Unanswered
from live.venue.bybit.reads import Reads
from live.venue.bybit.settling import Settling
from live.venue.bybit.sizes import Sizes
from live.venue.bybit.supervising import Supervisor, Wanted
from live.venue.bybit.timing import VenueTime

TOPICS: Final = ("execution.linear", "order.linear", "position.linear")
CLOCK_EVERY_S: Final = 60.0
LISTINGS_EVERY: Final = 5
"""Every so many looks at the clock, what is listed is compared with what it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a venue's client is.

    Attributes:
        generation: Of the private stream; 0 before the first.
        connected: Whether it is up.
        clock_off_ms: How far the wall clock is ahead of the venue's.
        trouble: The newest disturbance, however old; "" before any.
        stale_ms: Age of the newest sign of life of the private stream, pongs included; None before the first.
    """

    generation: int
    connected: bool
    clock_off_ms: int
    trouble: str
    stale_ms: int | None = None


class BybitVenue:
    """One account. See `live.ports.venue.Venue` for what each method promises.

    `start` with no symbols only reads the clock: for whoever must be able to stop an account, however it is set up.
    """

    def __init__(
        self, transport: Transport, streams: Streams, *, clock: Clock, options: BybitOptions, rng: random.Random
    ) -> None:
        """Send nothing yet.

        Args:
            transport: Requests, signed with the account's key.
            streams: Connections of the same account.
            clock: The wall clock that signs requests.
            options: Environment and patience.
            rng: Jitter of reconnections.
        """
        self._transport = transport
        self._options = options
        self._time = VenueTime(clock)
        self._sizes = Sizes()
        self._desk = NewsDesk(self._sizes)
        self._ask = Asker(transport, options, told=self._desk.disturbed)
        self._reads = Reads(self._ask)
        self._settling = Settling(
            self._reads,
            self._sizes,
            now_ms=self._time.now_ms,
            recv_window_ms=options.recv_window_ms,
            most_s=options.settle_s_max,
        )
        wanted = Wanted(channel="private", topics=TOPICS)
        self._stream = Supervisor(streams, wanted, self._desk, options=options, rng=rng)
        self._tasks: list[asyncio.Task[None]] = []
        self._listed: dict[str, Listing] = {}
        self._is_off = False

    async def start(self, symbols: tuple[str, ...], leverage: dict[str, Decimal]) -> None:
        """See `Venue`."""
        await check_clock(self._time, self._ask, off_ms_max=self._options.clock_off_ms_max if symbols else 2**53)
        if not symbols:
            return
        warning = await check_key(self._ask, self._options)
        if warning:
            self._desk.disturbed(warning, False)
        placed = await check_account(self._ask, self._reads, self._options, symbols)
        await set_leverage(self._ask, placed, leverage)
        self._tasks = [asyncio.create_task(work) for work in (self._stream.run(), self._watch(symbols))]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        await self._first_connection()
        _, placed = await self._reads.snapshot(symbols, generation=self._stream.generation)
        for each in placed.values():
            self._sizes.read(each)
        self._listed = await self.listings(symbols)

    async def close(self) -> None:
        """See `Venue`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._transport.close()

    async def news(self) -> News:
        """See `Venue`."""
        return await self._desk.next()

    def heard(self) -> tuple[News, ...]:
        """See `Venue`."""
        return self._desk.drained()

    async def place(self, order: OrderRequest) -> OrderAck:
        """See `Venue`. Orders that only reduce are sent whatever the clock: the venue judges their timestamp."""
        what = f"{order.symbol} order {order.order_link_id}"
        if ORDER_LINK_ID.match(order.order_link_id) is None:
            raise VenueRejected(f"{what}: not an order link id; expected {ORDER_LINK_ID.pattern}")
        off_ms = self._time.off_ms()
        if abs(off_ms) > self._options.clock_off_ms_max and not order.reduce_only:
            raise VenueRejected(f"{what} was not sent: {clock_text(off_ms, self._options.clock_off_ms_max)}")
        began_s = asyncio.get_running_loop().time()
        try:
            answer = await self._ask.once("/v5/order/create", order_body(order))
        except (RetCode, NotSent, Unanswered) as ended:
            raise order_error(ended, what) from ended
        if self._tasks:
            self._stream.expect(self._options.mute_s, since_s=began_s)
        order_id = answer.result.get("orderId")
        if not isinstance(order_id, str) or not order_id:
            raise VenueUnknown(f"{what}: acknowledged without an orderId; find out what became of it")
        return OrderAck(order_id=order_id, order_link_id=order.order_link_id)

    async def settle(self, order_link_id: str, symbol: str, *, sent_ms: EpochMs) -> OrderState | None:
        """See `Venue`."""
        return await self._settling.settle(order_link_id, symbol, sent_ms=sent_ms)

    async def order(self, order_link_id: str, symbol: str) -> OrderState | None:
        """See `Venue`."""
        return await self._reads.order(order_link_id, symbol)

    async def cancel(self, order_link_id: str, symbol: str, *, order_id: str = "") -> None:
        """See `Venue`. An order without a link id, placed by hand, is named by `order_id`."""
        named = {"orderLinkId": order_link_id} if order_link_id else {"orderId": order_id}
        await self._ask.settled("/v5/order/cancel", {"category": CATEGORY, "symbol": symbol, **named}, fine=GONE)

    async def set_stops(self, symbol: str, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
        """See `Venue`."""
        body = {
            "category": CATEGORY,
            "symbol": symbol,
            "tpslMode": "Full",
            "positionIdx": 0,
            "stopLoss": "0" if stop_loss is None else decimal_text(stop_loss),
            "takeProfit": "0" if take_profit is None else decimal_text(take_profit),
            "slTriggerBy": "LastPrice",
            "tpTriggerBy": "LastPrice",
        }
        await self._ask.settled("/v5/position/trading-stop", body, fine=SAME)

    async def snapshot(self, symbols: tuple[str, ...]) -> Snapshot:
        """See `Venue`."""
        snapshot, placed = await self._reads.snapshot(symbols, generation=self._stream.generation)
        for each in placed.values():
            self._sizes.read(each)
        return snapshot

    async def executions(self, *, since_ms: EpochMs) -> tuple[Execution, ...]:
        """See `Venue`."""
        found = await self._reads.executions(since_ms=since_ms, now_ms=self._time.now_ms())
        for execution in found:
            self._sizes.executed(execution)
        return found

    async def listings(self, symbols: tuple[str, ...]) -> dict[str, Listing]:
        """See `Venue`."""
        return await self._reads.listings(symbols)

    async def last_price(self, symbol: str) -> Decimal:
        """See `Venue`."""
        return await self._reads.last_price(symbol)

    async def now_ms(self) -> EpochMs:
        """See `Venue`."""
        return self._time.now_ms()

    def health(self) -> Health:
        """Return how the client is, without asking anybody."""
        heard_s = self._stream.heard_s
        return Health(
            generation=self._stream.generation,
            connected=self._stream.connected,
            clock_off_ms=self._time.off_ms(),
            trouble=self._desk.trouble,
            stale_ms=None if heard_s is None else round(1000 * (asyncio.get_running_loop().time() - heard_s)),
        )

    async def _first_connection(self) -> None:
        """Wait for the private stream.

        Raises:
            VenueError: it was refused, or did not come within the deadline of a few attempts.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + 3 * self._options.connect_s
        while not self._stream.connected:
            if self._tasks[0].done() or loop.time() >= ends:
                raise VenueError(f"the private stream is not to be had: {self._desk.trouble or 'no answer'}")
            await asyncio.sleep(0.05)

    async def _watch(self, symbols: tuple[str, ...]) -> None:
        """Look at the clock now and then, and more seldom at what is listed."""
        looks = 0
        while True:
            await asyncio.sleep(CLOCK_EVERY_S)
            looks += 1
            with contextlib.suppress(VenueError):  # the next look comes; what it would have said stays as it was
                await self._time.measure(self._ask)
                self._tell_clock()
                if looks % LISTINGS_EVERY == 0:
                    self._compare(await self.listings(symbols))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Say so when what keeps the venue connected has come to an end that nobody meant."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._desk.disturbed(f"the venue's client broke ({type(error).__name__}: {error}); start it again", True)

    def _tell_clock(self) -> None:
        off_ms = self._time.off_ms()
        was, self._is_off = self._is_off, abs(off_ms) > self._options.clock_off_ms_max
        if self._is_off and not was:
            self._desk.disturbed(clock_text(off_ms, self._options.clock_off_ms_max), False)

    def _compare(self, listed: Mapping[str, Listing]) -> None:
        for symbol in self._listed.keys() | listed.keys():
            if self._listed.get(symbol) != listed.get(symbol):
                self._desk.changed(symbol)
        self._listed = dict(listed)


def order_body(order: OrderRequest) -> dict[str, Any]:
    """Return an order as the venue takes it: plain decimal strings, one-way mode, triggers of the whole position."""
    body: dict[str, Any] = {
        "category": CATEGORY,
        "symbol": order.symbol,
        "side": order.side,
        "orderType": "Market",
        "qty": decimal_text(order.qty),
        "positionIdx": 0,
        "reduceOnly": order.reduce_only,
        "orderLinkId": order.order_link_id,
    }
    if order.stop_loss is not None or order.take_profit is not None:
        body |= {"tpslMode": "Full", "slTriggerBy": "LastPrice", "tpTriggerBy": "LastPrice"}
    if order.stop_loss is not None:
        body["stopLoss"] = decimal_text(order.stop_loss)
    if order.take_profit is not None:
        body["takeProfit"] = decimal_text(order.take_profit)
    return body
