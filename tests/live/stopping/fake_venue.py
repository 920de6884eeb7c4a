"""A venue in memory that takes orders at once, or is told to lag, to lose answers, to refuse or to be silent."""

# ruff: noqa: ARG002  the port's signatures

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from autarch.errors import VenueError, VenueRejected, VenueUnknown
from live.ports.venue import Listing, OrderAck, OrderState, Position, Snapshot
from tests.simulation.loop import VirtualLoop

MAX_QTY = Decimal(10)


def on_virtual_time(main):
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(main), loop.time()
    finally:
        loop.close()


@dataclass
class FakeVenue:
    """`late` are orders of others that reach the venue once its clock is there; `faults` go one a request."""

    sizes: dict[str, Decimal] = field(default_factory=dict)
    orders: list[OrderState] = field(default_factory=list)
    late: list[tuple[int, str, str, Decimal]] = field(default_factory=list)  # time_ms, link, symbol, signed size
    place_faults: deque[str] = field(default_factory=deque)
    read_faults: deque[str] = field(default_factory=deque)
    lag_reads: int = 0
    window_ms: int = 7_000
    calls: list[str] = field(default_factory=list)
    ended: dict[str, OrderState] = field(default_factory=dict)
    closed: bool = False
    down: bool = False
    _shown: dict[str, Decimal] | None = None

    def time_ms(self):
        return int(asyncio.get_running_loop().time() * 1000)

    def arrive(self):
        for item in [late for late in self.late if late[0] <= self.time_ms()]:
            self.late.remove(item)
            _, link, symbol, size = item
            self.sizes[symbol] = self.sizes.get(symbol, Decimal(0)) + size
            self.ended[link] = self._state(link, symbol, size=size, filled=abs(size))

    @staticmethod
    def _state(link, symbol, *, size, filled):
        whole = filled == abs(size)
        return OrderState(
            order_id=f"id-{link}",
            order_link_id=link,
            symbol=symbol,
            side="Buy" if size > 0 else "Sell",
            status="filled" if whole else "cancelled",
            qty=abs(size),
            filled=filled,
            reduce_only=True,
            reason="" if whole else "the band",
        )

    async def start(self, symbols, leverage):
        self.calls.append("start")

    async def close(self):
        self.closed = True

    async def now_ms(self):
        return self.time_ms()

    async def snapshot(self, symbols):
        self._answer("read", self.read_faults)
        shown = dict(self.sizes)
        if self.lag_reads and self._shown is not None:
            self.lag_reads -= 1
            shown = self._shown
        self._shown = dict(self.sizes)
        return Snapshot(
            time_ms=self.time_ms(),
            generation=1,
            positions={s: Position(symbol=s, size=q) for s, q in shown.items()},
            orders=tuple(self.orders),
            hedge_mode=False,
            margin_mode="isolated",
            wallet=None,
        )

    async def place(self, order):
        assert order.reduce_only
        self.calls.append(f"place {order.symbol} {order.side} {order.qty}")
        fault = self._answer("place", self.place_faults)
        held = self.sizes.get(order.symbol, Decimal(0))
        if held == 0 or (held > 0) == (order.side == "Buy"):
            raise VenueRejected("reduce-only order would not reduce")
        filled = min(order.qty, abs(held)) / (2 if fault == "half" else 1)
        if fault != "lost":
            self.sizes[order.symbol] = held - filled.copy_sign(held)
            size = order.qty if order.side == "Buy" else -order.qty
            self.ended[order.order_link_id] = self._state(order.order_link_id, order.symbol, size=size, filled=filled)
        if fault in {"lost", "unanswered"}:
            raise VenueUnknown("no answer")
        return OrderAck(order_id=f"id-{order.order_link_id}", order_link_id=order.order_link_id)

    async def settle(self, order_link_id, symbol, *, sent_ms):
        self.calls.append(f"settle {order_link_id}")
        self._answer("settle", deque())
        await asyncio.sleep(max(0.0, (sent_ms + self.window_ms - self.time_ms()) / 1000))
        self.arrive()
        return self.ended.get(order_link_id)

    async def order(self, order_link_id, symbol):
        return self.ended.get(order_link_id)

    async def cancel(self, order_link_id, symbol, *, order_id=""):
        self.calls.append(f"cancel {order_link_id or order_id}")
        self._answer("cancel", deque())
        self.orders = [o for o in self.orders if o.order_id != order_id]

    async def listings(self, symbols):
        one, step = Decimal(1), Decimal("0.001")
        return {
            s: Listing(
                symbol=s, trading=True, tick_size=one, qty_step=step, min_qty=step, max_market_qty=MAX_QTY,
                min_notional=one,
            )
            for s in symbols
        }  # fmt: skip

    async def executions(self, *, since_ms):
        return ()

    def _answer(self, what, faults):
        self.arrive()
        fault = faults.popleft() if faults else ""
        if self.down or fault == "down":
            raise VenueError(f"{what}: nobody answers")
        if fault == "refused":
            raise VenueRejected(f"{what}: refused")
        return fault


def open_order(link, symbol, *, trigger="", reduce_only=False, order_id=None):
    return OrderState(
        order_id=order_id or f"id-{link}", order_link_id=link, symbol=symbol, side="Buy", status="open",
        qty=Decimal(1), filled=Decimal(0), reduce_only=reduce_only, trigger=trigger,
    )  # fmt: skip
