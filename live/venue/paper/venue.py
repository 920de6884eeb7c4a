"""One paper account at a simulated exchange in this process. Implements `live.ports.venue.Venue`.

Whoever has the prices moves it by `advance`: recorded bars step by step, a live feed as trades come in. Built again
over the same prices and the same book it arrives at the same executions with the same names.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from autarch.canonical import EpochMs
from autarch.errors import ConfigError, VenueRejected
from live.ports.venue import (
    ORDER_LINK_ID,
    Changed,
    Executed,
    Execution,
    Listing,
    News,
    OrderAck,
    OrderRequest,
    OrderState,
    OrderStatus,
    Position,
    Snapshot,
)
from live.simulator.core.exchange import Exchange
from live.simulator.core.prices import PriceEvent, Script
from live.simulator.core.requests import CreateOrder, Refused
from live.simulator.core.rows import ExecutionRow, OrderRow, PrivateRow, PublicRow
from live.venue.paper.book import Done, RequestBook
from live.venue.paper.prices import price_from_json, price_to_json

What = Literal["order", "cancel", "stops", "leverage"]
UID = "paper"
QUOTED = ("last", "mark", "depth", "at_open", "traded", "marked", "funding_rate")
ABUNDANT = Decimal(1000)
"""Times its capital a paper account holds, so that no order lacks margin: what may be lost is a sleeve's own matter,
or, where margin is shared, what the capital stands behind."""
KEPT = 500
"""Newest rows of each of its histories: who trades reads back some minutes, and a month must not fill the memory."""

_STATUS: dict[str, OrderStatus] = {"Filled": "filled", "Cancelled": "cancelled", "Rejected": "rejected"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A market that is happening: the tape that its prices are written on, and its clock."""

    script: Script
    clock: Callable[[], EpochMs]


class PaperVenue:
    """One paper account. The exchange is its alone."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        capital: Decimal,
        book: RequestBook | None = None,
        margin_mode: Literal["isolated", "cross"] = "isolated",
        live: Live | None = None,
    ) -> None:
        """Stand where the exchange stands; what the book holds is done again when its time comes.

        Args:
            exchange: With nobody trading yet.
            capital: USDT; the account gets many times as much.
            book: Requests of earlier runs.
            margin_mode: What the account is asked for.
            live: The prices of a market that is happening; None for recorded ones.
        """
        self.exchange = exchange
        self._margin_mode, self._live = margin_mode, live
        self._book = RequestBook() if book is None else book
        self._again = deque(self._book.requests())
        self._account = exchange.open_account(UID, capital * ABUNDANT, kept=KEPT)
        if margin_mode == "cross":
            self._account.stake = capital
            exchange.set_margin_mode(UID, "REGULAR_MARGIN")
        self._news: deque[News] = deque()
        self._rang = asyncio.Event()
        exchange.drain()

    def advance(self, to_ms: EpochMs) -> None:
        """Let the exchange live up to and at a time, and do again in between what was done before."""
        while self._again and self._again[0].time_ms <= to_ms:
            done = self._again.popleft()
            self.exchange.advance(done.time_ms)
            self._carry_out(done)
        self.exchange.advance(to_ms)
        self._tell(self.exchange.drain())

    def move(self, event: PriceEvent) -> None:
        """Take a price of a market that is happening; of those that did something to the account the book keeps note.

        Raises:
            ValueError: the exchange lives by recorded prices.
            ConfigError: the disk did not take it.
        """
        if self._live is None:
            raise ValueError("an exchange that plays recorded bars takes no other prices")
        event = replace(event, time_ms=max(event.time_ms, self.exchange.now_ms))
        rows = self._play(event)
        if rows:
            self._book.add(Done(time_ms=event.time_ms, what="price", body=price_to_json(event)))
            self._tell(rows)

    async def start(self, symbols: tuple[str, ...], leverage: dict[str, Decimal]) -> None:
        """Forget news of before: whoever starts reads the executions.

        Raises:
            ConfigError: a symbol is not listed here.
        """
        for symbol in symbols:
            self._require_listed(symbol)
        now = self.exchange.now_ms
        self.advance(now if self._live is None else max(now, self._live.clock()))
        for symbol, wanted in leverage.items():
            if self._account.holdings[symbol].leverage != wanted:
                self._do("leverage", {"symbol": symbol, "leverage": str(wanted)})
        self._news.clear()

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    async def news(self) -> News:
        """See `Venue`."""
        while not self._news:
            self._rang.clear()
            await self._rang.wait()
        return self._news.popleft()

    def heard(self) -> tuple[News, ...]:
        """See `Venue`."""
        if not self._news:
            return ()
        found = tuple(self._news)
        self._news.clear()
        return found

    async def place(self, order: OrderRequest) -> OrderAck:
        """See `Venue`."""
        if ORDER_LINK_ID.match(order.order_link_id) is None:
            raise VenueRejected(f"10001: orderLinkId {order.order_link_id!r} is not 1 to 36 of [A-Za-z0-9_-]")
        body: dict[str, Any] = {
            "order_link_id": order.order_link_id,
            "symbol": order.symbol,
            "side": order.side,
            "qty": str(order.qty),
            "reduce_only": order.reduce_only,
            "stop_loss": _text(order.stop_loss),
            "take_profit": _text(order.take_profit),
        }
        taken = self._do("order", body)
        return OrderAck(order_id=taken, order_link_id=order.order_link_id)

    async def settle(self, order_link_id: str, symbol: str, *, sent_ms: EpochMs) -> OrderState | None:  # noqa: ARG002  the port's
        """See `Venue`."""
        return await self.order(order_link_id, symbol)

    async def order(self, order_link_id: str, symbol: str) -> OrderState | None:  # noqa: ARG002  the port's
        """See `Venue`."""
        rows = self._account.orders.get(self._account.links.get(order_link_id, ""))
        return None if not rows else _state(rows[-1])

    async def cancel(self, order_link_id: str, symbol: str, *, order_id: str = "") -> None:
        """See `Venue`."""
        named = order_id or self._account.links.get(order_link_id, "")
        if named in self._account.open_orders:
            body: dict[str, Any] = {"symbol": symbol, "order_id": named}
            self._do("cancel", body)

    async def set_stops(self, symbol: str, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
        """See `Venue`; triggers that the price has passed fill at once, as those of a backtest do."""
        holding = self._account.holdings.get(symbol)
        if holding is not None and (holding.stop_loss, holding.take_profit) == (stop_loss, take_profit):
            return
        body: dict[str, Any] = {"symbol": symbol, "stop_loss": _text(stop_loss), "take_profit": _text(take_profit)}
        self._do("stops", body)

    async def snapshot(self, symbols: tuple[str, ...]) -> Snapshot:
        """See `Venue`."""
        holdings = self._account.holdings
        shown = [symbol for symbol in holdings if symbol in symbols or holdings[symbol].is_open]
        return Snapshot(
            time_ms=self.exchange.now_ms,
            generation=1,
            positions={symbol: self._position(symbol) for symbol in shown},
            orders=tuple(_state(row) for row in self._account.open_orders.values()),
            hedge_mode=False,
            margin_mode=self._margin_mode,
            wallet=self._account.balance,
        )

    async def executions(self, *, since_ms: EpochMs) -> tuple[Execution, ...]:
        """See `Venue`."""
        rows = self._account.executions
        first = len(rows)
        while first and rows[first - 1].time_ms >= since_ms:
            first -= 1
        return tuple(_execution(row) for row in rows[first:])

    async def listings(self, symbols: tuple[str, ...]) -> dict[str, Listing]:
        """See `Venue`."""
        found = {}
        for symbol in symbols:
            quote = self.exchange.quotes.get(symbol)
            if quote is not None:
                instrument = quote.contract.instrument
                found[symbol] = Listing(
                    symbol=symbol,
                    trading=quote.contract.status == "Trading",
                    tick_size=instrument.tick_size,
                    qty_step=instrument.qty_step,
                    min_qty=instrument.min_order_qty,
                    max_market_qty=instrument.max_market_qty,
                    min_notional=instrument.min_notional,
                )
        return found

    async def last_price(self, symbol: str) -> Decimal:
        """See `Venue`."""
        return self.exchange.ticker(symbol).last_price

    async def now_ms(self) -> EpochMs:
        """See `Venue`."""
        return self.exchange.now_ms if self._live is None else max(self.exchange.now_ms, self._live.clock())

    def _do(self, what: What, body: dict[str, Any]) -> str:
        if self._live is not None:
            self.exchange.advance(max(self.exchange.now_ms, self._live.clock()))
            body["quote"] = self._quote(body["symbol"])
        done = Done(time_ms=self.exchange.now_ms, what=what, body=body)
        try:
            order_id = self._carry_out(done)
        except Refused as error:
            raise VenueRejected(str(error)) from error
        self._book.add(done)
        self._tell(self.exchange.drain())
        return order_id

    def _quote(self, symbol: str) -> dict[str, Any]:
        """Return the price that stands, for a request to be carried out at again."""
        quote = self.exchange.quotes.get(symbol)
        return {} if quote is None else {name: getattr(quote, name) for name in QUOTED}

    def _play(self, event: PriceEvent) -> list[PrivateRow | PublicRow]:
        if self._live is None:
            raise ValueError("there is no tape to write on")
        self._live.script.add(event)
        self.exchange.advance(event.time_ms)
        return self.exchange.drain()

    def _carry_out(self, done: Done) -> str:
        body: Mapping[str, Any] = done.body
        if done.what == "price":
            self._play(price_from_json(body))
            return ""
        self._require_listed(body["symbol"])
        for name, value in body.get("quote", {}).items():
            setattr(self.exchange.quotes[body["symbol"]], name, value)
        if done.what == "order":
            return self.exchange.create(UID, _create(body)).order_id
        if done.what == "cancel":
            return self.exchange.cancel(UID, body["symbol"], order_id=body["order_id"]).order_id
        if done.what == "leverage":
            self.exchange.set_leverage(UID, body["symbol"], Decimal(body["leverage"]))
            return ""
        prices = {name: Decimal(body[name] or 0) for name in ("stop_loss", "take_profit")}
        self.exchange.set_triggers(UID, body["symbol"], **prices, beyond=True)
        return ""

    def _require_listed(self, symbol: str) -> None:
        if symbol not in self.exchange.quotes:
            raise ConfigError(
                f"the paper account knows {symbol}, which the release's data set does not list; give the account "
                "another name, or trade a release that lists it"
            )

    def _tell(self, rows: Sequence[PrivateRow | PublicRow]) -> None:
        """Tell what has happened to the account."""
        if not rows:
            return
        for row in rows:
            if isinstance(row, ExecutionRow):
                self._news.append(Executed(execution=_execution(row)))
            elif isinstance(row, OrderRow) and row.order_link_id and row.status in {"Cancelled", "Rejected"}:
                self._news.append(Changed(symbol=row.symbol))
        if self._news:
            self._rang.set()

    def _position(self, symbol: str) -> Position:
        holding = self._account.holdings[symbol]
        return Position(
            symbol=symbol,
            size=holding.qty,
            entry_price=holding.entry,
            leverage=holding.leverage,
            stop_loss=holding.stop_loss,
            take_profit=holding.take_profit,
            liq_price=holding.liq_price,
        )


def _create(body: Mapping[str, Any]) -> CreateOrder:
    return CreateOrder(
        symbol=body["symbol"],
        side=body["side"],
        order_type="Market",
        qty=Decimal(body["qty"]),
        order_link_id=body["order_link_id"],
        reduce_only=body["reduce_only"],
        stop_loss=None if body["stop_loss"] is None else Decimal(body["stop_loss"]),
        take_profit=None if body["take_profit"] is None else Decimal(body["take_profit"]),
    )


def _execution(row: ExecutionRow) -> Execution:
    return Execution(
        exec_id=row.exec_id,
        exec_type=row.exec_type,
        create_type=row.create_type,
        symbol=row.symbol,
        side=row.side,
        order_id=row.order_id,
        order_link_id=row.order_link_id,
        qty=row.exec_qty,
        price=row.exec_price,
        fee=row.exec_fee,
        time_ms=row.time_ms,
        order=row.seq,
    )


def _state(row: OrderRow) -> OrderState:
    trigger = row.stop_order_type
    return OrderState(
        order_id=row.order_id,
        order_link_id=row.order_link_id,
        symbol=row.symbol,
        side=row.side,
        status="open" if row.is_open else _STATUS.get(row.status, "cancelled"),
        qty=row.qty,
        filled=row.cum_exec_qty,
        reduce_only=row.reduce_only,
        trigger=trigger,
        trigger_price=row.trigger_price,
        reason="" if row.reject_reason == "EC_NoError" else row.reject_reason,
    )


def _text(price: Decimal | None) -> str | None:
    return None if price is None else str(price)
