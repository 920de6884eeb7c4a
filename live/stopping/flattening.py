"""Bring an account to rest over the venue's port: no entry open, no position held, and then no stop left over.

Entries go first and stops last: until the venue reads flat, a stop is what protects it. Every order sent is
reduce-only, so that two of these at work at once, or an answer that came late, can never open anything. An order that
somebody else had in flight may still arrive: only when it is settled, and two reads apart say flat, is it flat.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from autarch.canonical import EpochMs
from autarch.errors import VenueError, VenueUnknown
from live.orders import KILL_PREFIX
from live.ports.venue import OrderRequest, OrderState, Snapshot, Venue

CALM_READS = 3
"""So many reads in a row must say flat, `Patience.apart_s` apart: a venue's reads may lag behind its fills."""
CANCELS_MAX = 500
PARTS_MAX = 50
PROBLEMS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """An order that was perhaps sent: nobody wrote down what became of it. `sent_ms` by the venue's clock."""

    order_link_id: str
    symbol: str
    sent_ms: EpochMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        limit_s: For the whole; what is left then is reported, with its stops in place.
        apart_s: Between the reads that must all say flat.
        follow_s: For one order to end, before the account is read again.
        follow_every_s: Between two looks at that order.
        rounds_s: After each round that did not end flat; the last one repeats.
        last_s: For the last read, after the limit.
        late_s: In which a request that was sent before may still be taken: the venue's window for a request's time,
            5 s here, and 2 s on top (the venue's rule on timestamps), with some to spare.
    """

    limit_s: float = 180.0
    apart_s: float = 1.5
    follow_s: float = 5.0
    follow_every_s: float = 0.2
    rounds_s: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    last_s: float = 30.0
    late_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattened:
    """What came of it. `flat` only when it was proven; `after` is None when the venue could not be read."""

    flat: bool
    before: dict[str, Decimal]
    after: dict[str, Decimal] | None
    sent: int
    cancelled: int
    problems: tuple[str, ...]


@dataclass(kw_only=True)
class Flattening:
    """One attempt. `run` names it in link ids; `note` is told of every step before it is done and must not raise."""

    venue: Venue
    run: str
    note: Callable[[str], None]
    patience: Patience = field(default_factory=Patience)
    _first: Snapshot | None = None
    _sent: int = 0
    _cancelled: int = 0
    _problems: list[str] = field(default_factory=list)

    async def bring_flat(self, unsettled: Iterable[Unsettled] | None = ()) -> Flattened:
        """Cancel, flatten, settle and read until the venue is proven flat or the time is up.

        Args:
            unsettled: What others had in flight; None when nobody can tell, and then the venue's window for late
                requests is waited out.
        """
        flying = None if unsettled is None else tuple(unsettled)
        last = None
        try:
            async with asyncio.timeout(self.patience.limit_s):
                while last is None or not is_at_rest(last):  # a last read that contradicts begins it all anew
                    await self._pursue(flying)
                    await self._remove_stops()
                    last = await self._read()
            proven = True
        except TimeoutError:
            proven = False
            self._problem(f"not proven flat within {self.patience.limit_s:g} s; stops that protect a position stay")
            last = await self._read_last()
        return Flattened(
            flat=proven,
            before={} if self._first is None else _held(self._first),
            after=None if last is None else _held(last),
            sent=self._sent,
            cancelled=self._cancelled,
            problems=tuple(self._problems),
        )

    async def _read_last(self) -> Snapshot | None:
        """Read what is left after the time is up."""
        try:
            async with asyncio.timeout(self.patience.last_s):
                return await self._read()
        except TimeoutError:
            self._problem("the last read failed: look at the venue's own page")
            return None

    async def _pursue(self, unsettled: tuple[Unsettled, ...] | None) -> None:
        """Go round until nothing is open or held, nothing in flight can arrive any more, and reads agree."""
        calm, rounds = 0, 0
        while calm < CALM_READS:
            seen = await self._read()
            self._first = self._first or seen
            entries, held = _entries(seen), _held(seen)
            if entries or held:
                calm = 0
                await self._cancel(entries)
                await asyncio.gather(*(self._close(symbol, size) for symbol, size in held.items()))
                await asyncio.sleep(self._pause(rounds))
                rounds += 1
            elif unsettled != ():
                unsettled = await self._settle_all(unsettled)
            else:
                calm += 1
                await asyncio.sleep(self.patience.apart_s if calm < CALM_READS else 0.0)

    async def _settle_all(self, unsettled: tuple[Unsettled, ...] | None) -> tuple[Unsettled, ...]:
        """Settle what was in flight and return what has to be tried again."""
        if unsettled is None:
            self.note(f"wait {self.patience.late_s:g} s: no journal says what was in flight")
            await asyncio.sleep(self.patience.late_s)
            return ()
        settled = await asyncio.gather(*(self._settle(order) for order in unsettled))
        left = tuple(order for order, done in zip(unsettled, settled, strict=True) if not done)
        if left:
            await asyncio.sleep(self.patience.apart_s)
        return left

    async def _read(self) -> Snapshot:
        """Read the account, again and again until it can be read."""
        rounds = 0
        while True:
            try:
                return await self.venue.snapshot(())
            except VenueError as error:
                self._problem(f"the account could not be read: {error}")
                await asyncio.sleep(self._pause(rounds))
                rounds += 1

    async def _cancel(self, orders: Sequence[OrderState]) -> None:
        for order in orders[:CANCELS_MAX]:
            self.note(f"cancel {_named(order)} of {order.symbol}, {order.side} {order.qty}")
            try:
                await self.venue.cancel(order.order_link_id, order.symbol, order_id=order.order_id)
            except VenueError as error:
                self._problem(f"{_named(order)} of {order.symbol} was not cancelled: {error}")
            else:
                self._cancelled += 1

    async def _close(self, symbol: str, size: Decimal) -> None:
        """Send what closes one position, in as many parts as the venue's largest order makes of it."""
        for qty in _parts(abs(size), await self._largest(symbol)):
            link = kill_link(self.run, symbol, self._sent)
            self._sent += 1
            self.note(f"close {symbol}: {'Sell' if size > 0 else 'Buy'} {qty} reduce-only as {link}")
            try:
                sent_ms = await self.venue.now_ms()
                await self._place(symbol, size, qty, link, sent_ms)
            except VenueError as error:
                self._problem(f"{symbol}: closing {qty} as {link}: {error}")
                return

    async def _place(self, symbol: str, size: Decimal, qty: Decimal, link: str, sent_ms: EpochMs) -> None:
        order = OrderRequest(
            order_link_id=link, symbol=symbol, side="Sell" if size > 0 else "Buy", qty=qty, reduce_only=True
        )
        try:
            await self.venue.place(order)
        except VenueUnknown as error:
            self.note(f"{link}: no answer ({error}); finding out what became of it")
            await self.venue.settle(link, symbol, sent_ms=sent_ms)
            return
        await self._follow(link, symbol)

    async def _follow(self, link: str, symbol: str) -> None:
        """Wait until an order has ended, so that the next round reads what it left; in vain is no harm."""
        looks = int(self.patience.follow_s / self.patience.follow_every_s) if self.patience.follow_every_s else 1
        for _ in range(max(1, looks)):
            found = await self.venue.order(link, symbol)
            if found is not None and found.status != "open":
                if found.status != "filled":
                    self._problem(f"{symbol}: {link} ended {found.status} with {found.filled}: {found.reason}")
                return
            await asyncio.sleep(self.patience.follow_every_s)

    async def _settle(self, order: Unsettled) -> bool:
        """Wait until an order that was perhaps sent has arrived, or cannot any more; False when that is still open."""
        self.note(f"settle {order.order_link_id} of {order.symbol}: sent, and nobody knows what became of it")
        try:
            found = await self.venue.settle(order.order_link_id, order.symbol, sent_ms=order.sent_ms)
        except VenueUnknown as error:  # the time in which it could be taken has passed; the reads after it decide
            self._problem(f"{order.symbol}: {order.order_link_id} was waited for in vain: {error}")
            return True
        except VenueError as error:
            self._problem(f"{order.symbol}: {order.order_link_id} could not be settled: {error}")
            return False
        came = "never arrived and never will" if found is None else f"{found.status}, {found.filled} filled"
        self.note(f"settled {order.order_link_id}: {came}")
        return True

    async def _remove_stops(self) -> None:
        """Cancel what is still open once nothing is held: stops, and reduce-only orders somebody left."""
        left = (await self._read()).orders
        await self._cancel(left)

    async def _largest(self, symbol: str) -> Decimal | None:
        try:
            listing = (await self.venue.listings((symbol,))).get(symbol)
        except VenueError as error:
            self._problem(f"{symbol}: the largest order is not known, sending one for the whole: {error}")
            return None
        return None if listing is None else listing.max_market_qty

    def _pause(self, rounds: int) -> float:
        waits = self.patience.rounds_s
        return waits[min(rounds, len(waits) - 1)]

    def _problem(self, text: str) -> None:
        if len(self._problems) < PROBLEMS_MAX and text not in self._problems[-10:]:
            self._problems.append(text)
            self.note(text)


def kill_link(run: str, symbol: str, number: int) -> str:
    """Return the link id of a kill's `number`-th order: 35 characters that an executor knows for a kill's."""
    digest = hashlib.sha256(f"{run}|{symbol}|{number}".encode()).digest()[:20]
    return KILL_PREFIX + base64.b32encode(digest).decode("ascii").lower()


def is_at_rest(seen: Snapshot) -> bool:
    """Return whether a snapshot holds no position and no order that may open one."""
    return not _held(seen) and not _entries(seen)


def _held(seen: Snapshot) -> dict[str, Decimal]:
    return {symbol: position.size for symbol, position in sorted(seen.positions.items()) if position.size != 0}


def _entries(seen: Snapshot) -> list[OrderState]:
    """Return the open orders that may open or grow a position, whoever sent them; stops are none."""
    return [
        order
        for order in seen.orders
        if order.status == "open" and not order.reduce_only and order.trigger not in {"StopLoss", "TakeProfit"}
    ]


def _named(order: OrderState) -> str:
    return f"order {order.order_link_id or order.order_id}"


def _parts(qty: Decimal, largest: Decimal | None) -> list[Decimal]:
    """Split `qty` into orders of at most `largest`; the last one takes the rest."""
    if largest is None or largest <= 0 or qty <= largest:
        return [qty]
    whole = min(int(qty / largest), PARTS_MAX - 1)
    rest = qty - whole * largest
    return [largest] * whole + ([min(rest, largest)] if rest > 0 else [])
