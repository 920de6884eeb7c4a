"""What steps work with: one symbol, small quantities, prices far from the market or at it, every answer kept whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from autarch.errors import ConfigError, VenueError
from live.ports.venue import Listing, Side
from live.venue.bybit.asking import Asker, rows_of
from live.venue.bybit.parsing import CATEGORY, SETTLE_COIN, amount, decimal_text
from live.venue.bybit.ports import Answer, Connection, NotSent, RetCode, StreamDown, Streams, Transport, Unanswered
from live.venue.bybit.reads import Reads

CREATE: Final = "/v5/order/create"
CANCEL: Final = "/v5/order/cancel"
FAR_FRAC: Final = Decimal("0.03")
"""A limit order so far from the market rests; the venue's own band is wider."""
NOTIONALS: Final = 3
POLL_S: Final = 0.25
PACE_S: Final = 0.15
LINK_PREFIX: Final = "cf-"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a request ended: `code` 0 with its result, another retCode, or None where there was no answer."""

    code: int | None
    text: str
    result: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as a record quotes it."""
        return f"{'no answer' if self.code is None else self.code}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways to the venue. `late` and `early` sign with a clock that is off, and are used for nothing else."""

    transport: Transport
    streams: Streams
    late: Transport
    early: Transport


class Bench:
    """One run on one symbol."""

    def __init__(self, ways: Ways, asker: Asker, *, symbol: str) -> None:
        """Know nothing until `prepare`; `asker` reads over the same transport."""
        self.transport, self.streams, self.late, self.early = ways.transport, ways.streams, ways.late, ways.early
        self.ask = asker
        self.reads = Reads(asker)
        self.symbol = symbol
        self.wait_s = 20.0
        self.bar_wait_s = 130.0
        self.run = ""
        self.heard: list[tuple[str, Row]] = []
        self.listing: Listing
        self._links = 0
        self._listening: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    async def prepare(self, run: str) -> None:
        """Read the symbol, make sure that nothing of the account is in the way, and listen.

        Args:
            run: Names this run; part of every order's link id.

        Raises:
            ConfigError: the symbol is not traded, or the account has a position or orders in it.
            VenueError: the venue does not answer.
            StreamDown: the private stream cannot be had.
        """
        self.run = run
        listed = await self.reads.listings((self.symbol,))
        if self.symbol not in listed or not listed[self.symbol].trading:
            raise ConfigError(f"{self.symbol} is not traded at this venue; choose another --symbol")
        self.listing = listed[self.symbol]
        orders = [order for order in await self.reads.open_orders() if order.symbol == self.symbol]
        placed = await self.reads.position(self.symbol)
        if orders or placed.position.size != 0 or placed.hedged:
            raise ConfigError(
                f"the account holds {placed.position.size} {self.symbol} with {len(orders)} open orders"
                f"{' in hedge mode' if placed.hedged else ''}; a conformance run needs it flat and one-way. Use an "
                "account of its own, or another --symbol"
            )
        self._connection = await self.streams.connect(
            "private", ("execution.linear", "order.linear", "position.linear")
        )
        self._listening = asyncio.create_task(self._listen(self._connection))

    async def tidy(self) -> str:
        """Cancel every order of the symbol, close the position, stop listening; return what is left, "" for nothing."""
        if self._listening is not None:
            self._listening.cancel()
        if self._connection is not None:
            await self._connection.close()
        scope = {"category": CATEGORY, "symbol": self.symbol}
        await self.post("/v5/order/cancel-all", scope)
        size = (await self.reads.position(self.symbol)).position.size
        if size != 0:
            await self.market("Sell" if size > 0 else "Buy", abs(size), reduceOnly=True)
        await self.until(self.is_flat)
        await self.post("/v5/order/cancel-all", scope)
        orders = [order for order in await self.reads.open_orders() if order.symbol == self.symbol]
        placed = await self.reads.position(self.symbol)
        left = [f"{placed.position.size} {self.symbol}"] if placed.position.size != 0 else []
        return ", ".join([*left, *(f"order {order.order_id}" for order in orders)])

    def link(self) -> str:
        """Return a link id that was never used."""
        self._links += 1
        return f"{LINK_PREFIX}{self.run}-{self._links}"

    async def post(self, path: str, body: Mapping[str, Any], *, by: Transport | None = None) -> Ending:
        """POST once, and keep how it ended."""
        await asyncio.sleep(PACE_S)
        return await ending_of((by or self.transport).request("POST", path, body, signed=True))

    async def limit(self, side: Side, qty: Decimal, price: Decimal, **more: Any) -> Ending:
        """Ask for a limit order."""
        text = decimal_text(price)
        return await self.post(CREATE, self.body(side, qty, orderType="Limit", price=text, **more))

    async def market(self, side: Side, qty: Decimal, **more: Any) -> Ending:
        """Ask for a market order."""
        return await self.post(CREATE, self.body(side, qty, orderType="Market", **more))

    def body(self, side: Side, qty: Decimal, **more: Any) -> dict[str, Any]:
        """Return an order's body with a new link id, unless one is given."""
        link = more.pop("orderLinkId", None) or self.link()
        fixed = {"category": CATEGORY, "symbol": self.symbol, "side": side, "qty": decimal_text(qty), "positionIdx": 0}
        return {**fixed, "orderLinkId": link, **more}

    async def last(self) -> Decimal:
        """Return the newest price."""
        return await self.reads.last_price(self.symbol)

    async def far(self, side: Side) -> Decimal:
        """Return a price on the tick at which an order of this side rests."""
        factor = 1 - FAR_FRAC if side == "Buy" else 1 + FAR_FRAC
        return self.on_tick(await self.last() * factor)

    def on_tick(self, price: Decimal) -> Decimal:
        """Return the tick at or below a price."""
        return (price / self.listing.tick_size).to_integral_value(ROUND_FLOOR) * self.listing.tick_size

    async def small(self) -> Decimal:
        """Return a quantity worth about three times the least that is taken."""
        wanted = max(self.listing.min_qty, NOTIONALS * self.listing.min_notional / await self.last())
        return (wanted / self.listing.qty_step).to_integral_value(ROUND_CEILING) * self.listing.qty_step

    async def rows(self, path: str, **query: str) -> list[Mapping[str, Any]]:
        """GET a list of the symbol's rows."""
        answer = await self.ask.read(path, {"category": CATEGORY, "symbol": self.symbol, **query})
        return rows_of(answer.result, path)

    async def order_row(self, link: str, path: str = "/v5/order/realtime") -> Row | None:
        """Return an order's raw row by its link id, as one read shows it."""
        return next((row for row in await self.rows(path, orderLinkId=link) if row.get("orderLinkId") == link), None)

    async def position_row(self) -> Row:
        """Return the raw row of the position."""
        rows = await self.rows("/v5/position/list")
        return rows[0] if rows else {}

    async def is_flat(self) -> bool:
        """Return whether the position reads zero."""
        return (await self.reads.position(self.symbol)).position.size == 0

    async def until(self, condition: Callable[[], Awaitable[object]]) -> float | None:
        """Read until something shows; return the seconds it took, None when it never did."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < self.wait_s:
            if await condition():
                return loop.time() - began
            await asyncio.sleep(POLL_S)
        return None

    async def told(self, topic: str, condition: Callable[[Row], bool]) -> Row | None:
        """Return a row that the private stream tells of `topic`, None when it never does."""

        async def look() -> bool:
            return any(kind.startswith(topic) and condition(row) for kind, row in self.heard)

        await self.until(look)
        return next((row for kind, row in self.heard if kind.startswith(topic) and condition(row)), None)

    async def wallet(self) -> Decimal:
        """Return the USDT balance."""
        query = {"accountType": "UNIFIED", "coin": SETTLE_COIN}
        rows = rows_of((await self.ask.read("/v5/account/wallet-balance", query)).result, "wallet")
        return amount(rows[0]["coin"][0], "walletBalance")

    async def _listen(self, connection: Connection) -> None:
        try:
            while True:
                message = await connection.receive()
                data = message.message.get("data")
                self.heard += [(message.topic, row) for row in (data if isinstance(data, list) else [])]
        except StreamDown:
            return  # steps that wait for the stream then see nothing, and say so


async def ending_of(asked: Awaitable[Answer]) -> Ending:
    """Return how a request ended."""
    try:
        answer = await asked
    except RetCode as refused:
        return Ending(code=refused.code, text=refused.text, headers=refused.headers)
    except (NotSent, Unanswered) as ended:
        return Ending(code=None, text=str(ended))
    return Ending(code=0, text="OK", result=answer.result, headers=answer.headers)


def need(row: Row | None, what: str) -> Row:
    """Return a row that a step cannot go on without.

    Raises:
        VenueError: it is not there; the step stays undecided.
    """
    if row is None:
        raise VenueError(f"{what} never showed")
    return row
