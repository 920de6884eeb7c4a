"""An executor on virtual time, before a fake venue that does what a test tells it to."""

# ruff: noqa: ARG002  the ports' signatures

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from decimal import Decimal

import numpy as np

from autarch.errors import ConfigError, VenueRejected, VenueUnknown
from live.lines import lines_of
from live.ports.bars import Instant
from live.ports.brain import Decided
from live.ports.venue import (
    Changed,
    Executed,
    Execution,
    Listing,
    OrderAck,
    OrderState,
    Position,
    Snapshot,
)
from live.stopping.latch import MemoryLatch
from live.trading.executor import Executor
from live.trading.memory import MemoryJournal
from live.trading.release import Patience, Release, SleeveTerms, World

from ..simulation.loop import VirtualLoop  # noqa: TID252  tests are no installed package
from .conftest import COSTS, START_MS, WIDE, manifest, market

SYMBOL, BAR_MS = "AAAUSDT", 900_000
FIRST_CLOSE = START_MS + BAR_MS


class FakeVenue:
    """One account, one symbol at `price`. Orders fill whole at once unless a test says otherwise.

    Attributes:
        price: Of everything.
        placed: Every request that arrived.
        answers: By number of the order (from 0): "lost before", "lost after" or "refused".
        fills: By number of the order: coins that fill, the rest is cancelled; a delay in seconds before.
        mute: Executions are not told, only readable.
        stops_fail: How many calls of set_stops are refused.
    """

    def __init__(self, price="1000"):
        self.price, self.size, self.entry = Decimal(price), Decimal(0), None
        self.placed, self.orders, self.facts, self.calls = [], {}, [], []
        self.answers, self.fills, self.delays = {}, {}, {}
        self.mute, self.stops_fail, self.leverage, self.hedge = False, 0, Decimal(3), False
        self.stop, self.take, self.foreign, self.listing = None, None, [], {}
        self.news_queue, self.rang = deque(), asyncio.Event()
        self.unreachable = False

    def clock(self):
        return FIRST_CLOSE + round(asyncio.get_running_loop().time() * 1000)

    def tell(self, news):
        self.news_queue.append(news)
        self.rang.set()

    async def start(self, symbols, leverage):
        self.news_queue.clear()

    async def close(self):
        pass

    async def news(self):
        while not self.news_queue:
            self.rang.clear()
            await self.rang.wait()
        return self.news_queue.popleft()

    def heard(self):
        found = tuple(self.news_queue)
        self.news_queue.clear()
        return found

    async def place(self, order):
        number = len(self.placed)
        self.placed.append((self.clock(), order))
        answer = self.answers.get(number, "")
        if answer == "lost before":
            raise VenueUnknown("no answer")
        if answer == "refused" or any(row.order_link_id == order.order_link_id for row in self.orders.values()):
            raise VenueRejected(f"{number}: refused")
        row = OrderState(
            order_id=f"o{number}",
            order_link_id=order.order_link_id,
            symbol=order.symbol,
            side=order.side,
            status="open",
            qty=order.qty,
            filled=Decimal(0),
            reduce_only=order.reduce_only,
        )
        self.orders[row.order_id] = row
        delay = self.delays.get(number, 0.0)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._fill, number, order)
        else:
            self._fill(number, order)
        if answer == "lost after":
            raise VenueUnknown("no answer")
        return OrderAck(order_id=row.order_id, order_link_id=order.order_link_id)

    def _fill(self, number, order):
        most = abs(self.size) if order.reduce_only else order.qty
        qty = min(Decimal(self.fills.get(number, order.qty)), order.qty, most)
        if qty:
            self.execute(order.side, qty, link=order.order_link_id, order_id=f"o{number}")
        row = self.orders[f"o{number}"]
        done = "filled" if qty == order.qty else "cancelled"
        self.orders[row.order_id] = replace(row, status=done, filled=qty, reason="" if qty == order.qty else "band")
        if self.size != 0 and order.stop_loss is not None:
            self.stop = order.stop_loss
        if self.size != 0 and order.take_profit is not None:
            self.take = order.take_profit
        if qty != order.qty and not self.mute:
            self.tell(Changed(symbol=order.symbol))

    def execute(self, side, qty, *, link="", order_id="", create="CreateByUser", kind="Trade", at_ms=None, fee="0"):  # noqa: PLR0913  a fact has as many
        """Let something fill at the price, told or not."""
        before = self.size
        self.size += qty if side == "Buy" else -qty
        self.entry = self.price if before == 0 else self.entry
        if self.size == 0:
            self.stop = self.take = self.entry = None
        fact = Execution(
            exec_id=f"e{len(self.facts)}",
            exec_type=kind,
            create_type=create,
            symbol=SYMBOL,
            side=side,
            order_id=order_id,
            order_link_id=link,
            qty=qty,
            price=self.price,
            fee=Decimal(fee),
            time_ms=self.clock() if at_ms is None else at_ms,
            order=len(self.facts),
        )
        self.facts.append(fact)
        if not self.mute:
            self.tell(Executed(execution=fact))
        return fact

    async def settle(self, order_link_id, symbol, *, sent_ms):
        self.calls.append(("settle", order_link_id))
        await asyncio.sleep(1.0)
        if self.unreachable:
            raise VenueUnknown("still nothing")
        return await self.order(order_link_id, symbol)

    async def order(self, order_link_id, symbol):
        return next((row for row in self.orders.values() if row.order_link_id == order_link_id), None)

    async def cancel(self, order_link_id, symbol, *, order_id=""):
        pass

    async def set_stops(self, symbol, *, stop_loss, take_profit):
        self.calls.append(("stops", stop_loss, take_profit))
        if self.stops_fail:
            self.stops_fail -= 1
            raise VenueRejected("10001: not now")
        self.stop, self.take = stop_loss, take_profit

    async def snapshot(self, symbols):
        held = Position(
            symbol=SYMBOL,
            size=self.size,
            entry_price=self.entry,
            leverage=self.leverage,
            stop_loss=self.stop,
            take_profit=self.take,
        )
        return Snapshot(
            time_ms=self.clock(),
            generation=1,
            positions={SYMBOL: held},
            orders=tuple(self.foreign),
            hedge_mode=self.hedge,
            margin_mode="isolated",
            wallet=Decimal(100_000),
        )

    async def executions(self, *, since_ms):
        return tuple(fact for fact in self.facts if fact.time_ms >= since_ms)

    async def listings(self, symbols):
        facts = {
            "symbol": SYMBOL,
            "trading": True,
            "tick_size": Decimal("0.05"),
            "qty_step": Decimal("0.001"),
            "min_qty": Decimal("0.001"),
            "max_market_qty": Decimal(40),
            "min_notional": Decimal(5),
        }
        return {SYMBOL: Listing(**{**facts, **self.listing})}

    async def last_price(self, symbol):
        return self.price

    async def now_ms(self):
        return self.clock()


class Bars:
    """Bars of `market` that close one after another, each told `late` seconds after its close."""

    def __init__(self, made, rows, *, late=0.0, from_row=0):
        self.made, self.left, self.late, self.row = made, rows, late, from_row

    def market(self, key):
        return self.made

    async def next(self):
        if self.left == 0:
            await asyncio.sleep(60)  # what is still under way may come to its end
            return None
        self.left -= 1
        close = int(self.made.ts[self.row]) + BAR_MS
        due = (close - FIRST_CLOSE) / 1000 + self.late
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        now = FIRST_CLOSE + round(asyncio.get_running_loop().time() * 1000)
        self.row += 1
        key = (("one_idea", self.row - 1),)
        return Instant(time_ms=now, closing=key, opening=(("one_idea", self.row),), traded={})

    def behind(self):
        close = int(self.made.ts[self.row]) + BAR_MS
        told = (close - FIRST_CLOSE) / 1000 + self.late
        return self.left > 0 and told <= asyncio.get_running_loop().time()

    async def close(self):
        pass


class Wants:
    """A brain that wants what a list says, row by row: exposure, or (exposure, stop distance)."""

    def __init__(self, wanted):
        self.wanted = wanted

    async def decide(self, row):
        said = self.wanted[row]
        if isinstance(said, Exception):
            raise said
        exposure, stop = said if isinstance(said, tuple) else (said, None)
        return Decided(
            inputs=f"{row:064x}", symbols={SYMBOL: {"exposure": exposure, "stop_loss": stop, "take_profit": None}}
        )

    def close(self):
        pass


class Told:
    """Alerts, kept."""

    def __init__(self):
        self.said = []

    def tell(self, severity, subject, text):
        self.said.append((severity, subject, text))


class Bench:
    """One account on virtual time; run it, look at the journal, run it again."""

    def __init__(self, wanted, *, limits=WIDE, late=0.0, patience=None, capital=100_000):
        made = market(symbols=(SYMBOL,), n_bars=len(wanted) + 2)
        for name in ("open", "high", "low", "close"):
            getattr(made.series[0], name)[:] = 1000.0
        self.made, self.wanted, self.limits, self.late = made, wanted, limits, late
        self.capital, self.patience = capital, patience or Patience(beat_ms=60_000)
        self.journal, self.latch, self.alerts = MemoryJournal(account="paper"), MemoryLatch(), Told()
        self.loop = VirtualLoop()
        self.venue = FakeVenue()
        self.reserve = None
        lines = lines_of(made, manifest((SYMBOL,)), COSTS)
        terms = SleeveTerms(strategy="one_idea", tag="v0.1.0", lines=lines, capital=float(capital))
        self.release = Release(
            tag="v0.1.0",
            account="paper",
            sleeves={"one_idea": terms},
            limits=limits,
            capital=Decimal(capital),
            opened={"tag": "v0.1.0"},
        )

    def executor(self, rows, *, from_row=0):
        more = {} if self.reserve is None else {"reserve": self.reserve}
        world = World(
            journal=self.journal,
            venue=self.venue,
            bars=Bars(self.made, rows, late=self.late, from_row=from_row),
            brains={"one_idea": Wants(self.wanted)},
            clock=type("Clock", (), {"now_ms": lambda _self: self.venue.clock()})(),
            alerts=self.alerts,
            latch=self.latch,
            **more,
        )
        return Executor(self.release, world, self.patience)

    def run(self, rows=None, *, from_row=0, during=None):
        """Run over `rows` bars; `during` (executor) runs beside."""
        executor = self.executor(len(self.wanted) - from_row if rows is None else rows, from_row=from_row)

        async def both():
            beside = asyncio.ensure_future(during(executor)) if during is not None else None
            await executor.run()
            if beside is not None:
                await beside

        self.loop.run_until_complete(both())
        return executor

    def events(self, *kinds):
        return [event.body for event in self.journal.events(*kinds)]

    def said(self, severity):
        return [text for how, _, text in self.alerts.said if how == severity]


def wanted_qty(exposure, *, equity=100_000, price=1000):
    """Return exposure x equity / price to the step of 0.001."""
    return Decimal(str(np.floor(exposure * equity / price * 1000) / 1000))


class FullDisk(MemoryJournal):
    """A journal whose disk is full from the n-th transaction on, until space is given back."""

    def __init__(self, *, account, after):
        super().__init__(account=account)
        self.left, self.freed = after, False

    def append(self, drafts, *, claims=()):
        self.left -= 1
        if self.left < 0 and not self.freed:
            raise ConfigError("journal: disk is full")
        return super().append(drafts, claims=claims)
