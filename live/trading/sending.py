"""The life of an order: planned, written down, sent, answered, ended. Nothing is sent that is not durable first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine import rules
from autarch.engine.terms import TICK_SCALE, TICK_UNIT
from autarch.errors import VenueError, VenueRejected, VenueUnknown
from live.lines import to_decimal
from live.orders import Proposed
from live.ports.alerts import Severity
from live.ports.venue import OrderAck, OrderRequest, OrderState
from live.trading.core import Core
from live.trading.hearing import Hearing
from live.trading.sleeves import InFlight, Planned, SleeveBook

FLAT_POLL_MS = 250
TOO_LATE = "its bar's entry deadline is over"
REFUSED_OFTEN = 3  # refusals of an exit after which somebody should look
READS_MAX = 4
"""Reads that show nothing of an order that was taken, before the slow way to find out is gone."""


class TooLate(VenueRejected):
    """An entry whose time was over before it could be sent; nothing happened."""


@dataclass(slots=True, kw_only=True)
class Sending:
    """Brings every symbol as near to what is wanted as it can be brought now; whoever has news calls `advance`."""

    core: Core
    hearing: Hearing
    _reads: dict[str, tuple[EpochMs, int]] = field(default_factory=dict)
    _answered_ms: dict[str, EpochMs] = field(default_factory=dict)

    async def settle_unanswered(self) -> None:
        """Find out what became of orders that were written down before this run."""
        for link, order in tuple(self.core.books.orders.items()):
            if link in self.core.books.orders:  # its fills may have come while another settled
                await self._settle(link, order)

    def drop_late(self) -> None:
        """Give up entries whose time is over."""
        core = self.core
        for symbol in tuple(core.books.owed):
            for planned in tuple(core.books.owed.get(symbol, ())):
                if planned.leg == "enter" and core.now_ms > planned.due_ms:
                    self._miss(planned, TOO_LATE)
                elif planned.leg == "enter":
                    core.again_at(planned.due_ms + 1)

    def plan(self) -> None:
        """Turn into orders what is pending for symbols whose bar trades and that wait for no other order."""
        core = self.core
        symbols = [] if core.behind else [symbol for symbol in core.books.symbols if self._wants_plan(symbol)]
        if not symbols:
            return
        traded = {symbol: core.tradable[symbol] for symbol in symbols}
        body = {"tag": core.release.tag, "symbols": core.books.skips_of(symbols, traded)}
        core.draft("plan", body)
        for symbol in symbols:
            if not traded[symbol]:
                del core.tradable[symbol]  # nothing more can be done before its next bar
        self.drop_late()

    async def write(self) -> list[OrderRequest]:
        """Write down every order that may go out now, and return them."""
        requests: list[OrderRequest] = []
        for symbol in tuple(self.core.books.owed):
            requests += await self._intend(await self._sendable(symbol))
        return requests

    async def send(self, requests: Sequence[OrderRequest]) -> None:
        """Send written orders, symbols side by side, and note the answers in their order."""
        legs: dict[str, list[OrderRequest]] = {}
        for request in requests:
            if not self._is_blocked(request):
                legs.setdefault(request.symbol, []).append(request)
        sent = [request for leg in legs.values() for request in leg]
        if len(legs) == 1:
            answers = await self._place_all(sent)
        else:
            side_by_side = await asyncio.gather(*(self._place_all(leg) for leg in legs.values()))
            answers = [answer for leg in side_by_side for answer in leg]
        for request, answer in zip(sent, answers, strict=True):
            self._answered(request, answer)
        for request, answer in zip(sent, answers, strict=True):
            order = self.core.books.orders.get(request.order_link_id)
            if isinstance(answer, VenueUnknown) and order is not None:  # its fills may have come while another settled
                await self._settle(request.order_link_id, order)

    async def read(self) -> None:
        """Read orders that were taken and should have ended, and those the venue says have changed."""
        core = self.core
        look, core.look = core.look, set()
        for link, order in tuple(core.books.orders.items()):
            due, count = self._reads.get(link, (EpochMs(order.sent_ms + core.patience.read_ms), 0))
            if core.now_ms < due and order.body["symbol"] not in look:
                core.again_at(due)
                continue
            await self._read(link, order, count)
        for link in self._reads.keys() - core.books.orders.keys():
            del self._reads[link]
        if look - {order.body["symbol"] for order in core.books.orders.values()}:
            core.reconcile_ms = min(core.reconcile_ms, EpochMs(core.now_ms + core.patience.retry_ms))

    def _wants_plan(self, symbol: str) -> bool:
        core = self.core
        pending = core.books.pending(symbol)
        if pending == at.NOTHING or symbol not in core.tradable:
            return False
        if core.books.owed.get(symbol) or any(core.books.unfinished(symbol)):
            return False
        if pending == at.FRESH:
            return True
        state = core.books.owner(symbol).states[symbol]
        wanted = 0.0 if state[at.LATCH] != 0.0 else state[at.WANTED]
        if rules.lowering(state[at.POSITION], wanted) == 0.0 or core.refusal(symbol) is not None:
            return False
        due = core.books.retry_ms.get(symbol, EpochMs(0))
        if core.now_ms < due:
            core.again_at(due)
            return False
        return True

    async def _sendable(self, symbol: str) -> list[Planned]:
        """Return what may go out now of the orders owed in one symbol: a whole leg, or nothing."""
        core = self.core
        queue = core.books.owed[symbol]
        leg = [planned for planned in queue if (planned.leg == "enter") == (queue[0].leg == "enter")]
        if leg[0].leg != "enter":
            return leg
        if any(not order.is_entry for order in core.books.unfinished(symbol)):
            return []
        why = core.blind or core.doubts.get(symbol)
        held = core.books.owner(symbol).states[symbol][at.POSITION] * leg[0].steps < 0.0
        if why or held or (leg[0].flips and not await self._reads_flat(symbol)):
            core.again_at(core.now_ms + FLAT_POLL_MS)
            return []
        return leg

    async def _reads_flat(self, symbol: str) -> bool:
        try:
            snapshot = await self.core.world.venue.snapshot((symbol,))
        except VenueError as error:
            self.core.tell("warning", f"read {symbol}", str(error))
            return False
        position = snapshot.positions.get(symbol)
        return position is None or position.size == 0

    async def _intend(self, leg: Sequence[Planned]) -> list[OrderRequest]:
        """Write a leg down, or why it is not sent: half of an entry is nothing that anybody asked for."""
        core = self.core
        if not leg:
            return []
        enters, symbol, sleeve = leg[0].leg == "enter", leg[0].symbol, core.books.sleeves[leg[0].key]
        last = None
        if enters:
            try:
                last = await core.world.venue.last_price(symbol)
            except VenueError as error:
                return self._give_up(leg, f"the venue names no price: {error}")
        await core.look_at_clock()
        if enters and core.now_ms > leg[0].due_ms:  # naming a price took too long
            return self._give_up(leg, TOO_LATE)
        refusal = core.refusal(symbol) or core.books.gate.refuse(self._proposed(leg, sleeve, last))
        if refusal is None and enters and core.books.state_of(symbol)[0] == "REDUCING":
            refusal = f"the symbol only reduces: {core.books.state_of(symbol)[1]}"
        bodies = [self._intent_body(planned, sleeve, last) for planned in leg]
        for planned, body in zip(leg, bodies, strict=True):
            if refusal is None:
                core.draft("intent", body, planned.link)
            else:
                core.draft("rejected", {**body, "by": "limits", "reason": refusal}, planned.link)
        return [_request(body) for body in bodies] if refusal is None else []

    def _give_up(self, leg: Sequence[Planned], reason: str) -> list[OrderRequest]:
        for planned in leg:
            self._miss(planned, reason)
        return []

    def _intent_body(self, planned: Planned, sleeve: SleeveBook, last: Decimal | None) -> dict[str, Any]:
        line = sleeve.lines[planned.symbol]
        side = 1.0 if planned.steps > 0.0 else -1.0
        return {
            "tag": sleeve.terms.tag,
            "order_link_id": planned.link,
            "strategy": sleeve.terms.strategy,
            "symbol": planned.symbol,
            "bar": planned.bar,
            "leg": planned.leg,
            "part": planned.part,
            "attempt": planned.attempt,
            "side": "Buy" if planned.steps > 0.0 else "Sell",
            "qty": str(line.qty(abs(planned.steps))),
            "reduce_only": planned.leg != "enter",
            "stop_loss_frac": _frac(planned.stop),
            "take_profit_frac": _frac(planned.take),
            "stop_loss": _trigger(line.terms, last, -side, planned.stop),
            "take_profit": _trigger(line.terms, last, side, planned.take),
            "sent_ms": self.core.now_ms,
        }

    def _proposed(self, leg: Sequence[Planned], sleeve: SleeveBook, last: Decimal | None) -> Proposed:
        books, line = self.core.books, sleeve.lines[leg[0].symbol]
        close = sleeve.closes[leg[0].symbol]
        notionals = [abs(line.coins(planned.steps)) * close for planned in leg]
        notional = sum(notionals)
        of_all = of_sleeve = 0.0
        for order in books.orders.values():
            if order.is_entry:
                owner = books.owner(order.body["symbol"])
                value = float(order.left) * owner.closes[order.body["symbol"]]
                of_all += value
                of_sleeve += value if owner is sleeve else 0.0
        moved = Decimal(0) if last is None else abs(last / to_decimal(close) - 1)
        return Proposed(
            notional=to_decimal(max(notionals)),
            gross_after=to_decimal(books.gross() + of_all + notional),
            reduces=leg[0].leg != "enter",
            time_ms=self.core.now_ms,
            sleeve_after=to_decimal(sleeve.gross() + of_sleeve + notional),
            sleeve_most=sleeve.terms.notional_max,
            moved=moved,
            age_ms=self.core.now_ms - leg[0].bar - sleeve.interval_ms,
            orders=len(leg),
        )

    def _is_blocked(self, request: OrderRequest) -> bool:
        """Look at latch and state once more: writing takes time, and may itself have ended in REDUCING."""
        blocked, by = self.core.world.latch.read().blocks(request.symbol), "latch"
        state, reason = self.core.books.state_of(request.symbol)
        if blocked is None and state != "ACTIVE" and not request.reduce_only:
            blocked, by = f"the account only reduces: {reason}", "limits"
        if blocked is not None:
            self._reject(request.order_link_id, request.symbol, blocked, by=by)
        return blocked is not None

    async def _place_all(self, leg: Sequence[OrderRequest]) -> list[OrderAck | VenueError]:
        return [await self._place_in_time(request) for request in leg]

    async def _place_in_time(self, request: OrderRequest) -> OrderAck | VenueError:
        """Send one order, unless those before it have used up the time of an entry."""
        order = self.core.books.orders[request.order_link_id]
        if order.is_entry and await self.core.world.venue.now_ms() > self._due_ms(order):
            return TooLate(TOO_LATE)
        answer = await self._place(request)
        self._answered_ms[request.order_link_id] = await self.core.world.venue.now_ms()
        return answer

    async def _place(self, request: OrderRequest) -> OrderAck | VenueError:
        try:
            return await self.core.world.venue.place(request)
        except VenueRejected as error:
            return error
        except VenueError as error:
            return error if isinstance(error, VenueUnknown) else VenueUnknown(str(error))

    def _answered(self, request: OrderRequest, answer: OrderAck | VenueError) -> None:
        link = request.order_link_id
        at_ms = max(self.core.now_ms, self._answered_ms.pop(link, self.core.now_ms))
        if isinstance(answer, TooLate):
            body = {"order_link_id": link, "symbol": request.symbol, "reason": TOO_LATE}
            self.core.draft("missed", body, link)
        elif isinstance(answer, VenueRejected):
            self._reject(link, request.symbol, str(answer), by="venue", time_ms=at_ms)
            if request.reduce_only:
                self.core.reconcile_ms = EpochMs(0)
                _, attempts = self.core.books.attempts.get(request.symbol, (0, 0))
                severity: Severity = "warning" if attempts < REFUSED_OFTEN else "critical"
                self.core.tell(severity, f"exit {request.symbol}", f"the venue refused it: {answer}")
        elif isinstance(answer, OrderAck) and link in self.core.books.orders:
            self._ack(link, answer.order_id, time_ms=at_ms)

    async def _settle(self, link: str, order: InFlight) -> None:
        """Find out about an order of which nobody knows, and send it again if it never was."""
        core, symbol = self.core, order.body["symbol"]
        core.commit()
        for _ in range(READS_MAX):
            try:
                found = await core.world.venue.settle(link, symbol, sent_ms=order.sent_ms)
            except VenueError as error:
                core.state("HALTED", f"nobody can tell what became of order {link}: {error}", symbol=symbol)
                return
            await core.look_at_clock()
            if found is not None:
                if not order.taken:
                    self._ack(link, found.order_id)
                await self._note(link, order, found)
                return
            if order.is_entry and core.now_ms > self._due_ms(order):
                core.draft("missed", {"order_link_id": link, "symbol": symbol, "reason": "it never arrived"}, link)
                return
            if self._is_blocked(_request(order.body)):
                return
            core.draft("resent", {"order_link_id": link, "symbol": symbol, "sent_ms": core.now_ms}, link)
            core.commit()
            answer = await self._place(_request(order.body))
            self._answered(_request(order.body), answer)
            if not isinstance(answer, VenueUnknown):
                return
        core.state("HALTED", f"order {link} cannot be placed: the venue leaves it open each time", symbol=symbol)

    async def _read(self, link: str, order: InFlight, count: int) -> None:
        core = self.core
        try:
            found = await core.world.venue.order(link, order.body["symbol"])
        except VenueError as error:
            core.tell("warning", f"read {order.body['symbol']}", str(error))
            found = None
        if found is not None:
            await self._note(link, order, found)
        elif count >= READS_MAX:
            await self._settle(link, order)
        if link in core.books.orders:
            wait = min(core.patience.retry_most_ms, core.patience.retry_ms * 2**count)
            self._reads[link] = (EpochMs(core.now_ms + wait), count + 1)
            core.again_at(core.now_ms + wait)

    async def _note(self, link: str, order: InFlight, found: OrderState) -> None:
        """Take what a read says of an order; fills are booked from executions alone."""
        core = self.core
        if found.status == "open":
            return
        if found.filled > order.filled:
            await self.hearing.read()
        if link in core.books.orders and found.filled == order.filled:
            body = {"order_link_id": link, "symbol": found.symbol, "status": found.status, "reason": found.reason}
            core.draft("done", {**body, "filled": str(found.filled)}, link)

    def _ack(self, link: str, order_id: str, *, time_ms: EpochMs | None = None) -> None:
        self.core.draft("ack", {"order_link_id": link, "order_id": order_id}, link, time_ms=time_ms)

    def _reject(self, link: str, symbol: str, reason: str, *, by: str, time_ms: EpochMs | None = None) -> None:
        body = {"order_link_id": link, "symbol": symbol, "by": by, "reason": reason}
        self.core.draft("rejected", body, link, time_ms=time_ms)

    def _miss(self, planned: Planned, reason: str) -> None:
        body = self._intent_body(planned, self.core.books.sleeves[planned.key], None)
        self.core.draft("missed", {**body, "reason": reason}, planned.link)

    def _due_ms(self, order: InFlight) -> int:
        sleeve = self.core.books.owner(order.body["symbol"])
        return int(order.body["bar"]) + sleeve.interval_ms + sleeve.deadline_ms


def _request(intent: Any) -> OrderRequest:
    stop, take = intent["stop_loss"], intent["take_profit"]
    return OrderRequest(
        order_link_id=intent["order_link_id"],
        symbol=intent["symbol"],
        side="Buy" if intent["side"] == "Buy" else "Sell",
        qty=Decimal(intent["qty"]),
        reduce_only=intent["reduce_only"],
        stop_loss=None if stop is None else Decimal(stop),
        take_profit=None if take is None else Decimal(take),
    )


def _trigger(terms: Any, last: Decimal | None, side: float, distance: float | None) -> str | None:
    if last is None or distance is None:
        return None
    price = rules.trigger_price(float(last), side, distance, terms[TICK_UNIT], terms[TICK_SCALE])
    return str(to_decimal(price))


def _frac(value: float | None) -> str | None:
    return None if value is None else repr(value)
