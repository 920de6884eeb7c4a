"""What an executor knows of its account: a fold over journal events, the same live and after a restart.

Nothing else changes it. A decision, a plan and a fill go through the engine's own functions, so that wanted
quantities, orders and equity are the backtest's to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine.state import apply_fill, apply_funding, new_state, on_decision
from autarch.errors import RefusedError
from live.lines import Line
from live.orders import RiskGate, State
from live.trading.carrying import (
    carried,
    decimal_of,
    is_taken_over,
    kind_of,
    number_of,
    price_of,
    take_over,
    want_flat,
)
from live.trading.release import Held, Release
from live.trading.sleeves import NEVER, InFlight, Planned, SleeveBook, orders_of, planned_of

__all__ = ["NO_TRIGGERS", "Books", "Triggers"]

Triggers = tuple[Decimal | None, Decimal | None]
NO_TRIGGERS: Triggers = (None, None)
NEVER_ASKED = 1e300
"""An exposure that no strategy asks for, so that whatever it asks for next is a new decision."""


@dataclass(slots=True, kw_only=True)
class Books:
    """All sleeves of one account, its limits at work, and its orders that have not ended.

    Attributes:
        owed: By symbol, planned orders that are not written down yet, in the order in which they go out.
        orders: By link id, orders written down that have not ended.
        opener: By symbol, the entry behind the position.
        states: By symbol, REDUCING or HALTED and why; a symbol that is not here is as its account.
        stops: By symbol, the triggers the venue was last known to hold for the position.
        attempts: By symbol, decision bar and number of plans since it.
        traded: By symbol, whether the bar of the newest plan traded.
        retry_ms: By symbol, when what is still to be lowered may be tried again.
        newest_ms: Time of the newest execution booked, and `newest_id` its name.
    """

    release: Release
    gate: RiskGate
    sleeves: dict[str, SleeveBook] = field(init=False)
    owed: dict[str, list[Planned]] = field(default_factory=dict)
    orders: dict[str, InFlight] = field(default_factory=dict)
    opener: dict[str, str] = field(default_factory=dict)
    states: dict[str, tuple[State, str]] = field(default_factory=dict)
    stops: dict[str, Triggers] = field(default_factory=dict)
    attempts: dict[str, tuple[EpochMs, int]] = field(default_factory=dict)
    traded: dict[str, bool] = field(default_factory=dict)
    retry_ms: dict[str, EpochMs] = field(default_factory=dict)
    newest_ms: EpochMs = NEVER
    newest_id: str = ""
    _holders: dict[str, list[SleeveBook]] = field(init=False)
    _handlers: dict[str, Callable[[EpochMs, Mapping[str, Any]], None]] = field(init=False)

    def __post_init__(self) -> None:
        """Start flat, under the release's sleeves."""
        self._handlers = {
            "decision": self._decide,
            "execution": self._book,
            "plan": self._plan,
            "intent": self._intend,
            "ack": self._ack,
            "resent": self._resend,
            "rejected": self._end,
            "missed": self._end,
            "done": self._end,
            "stops": self._protect,
            "stopped": self._give_up,
            "state": self._change,
            "adopted": self._adopt,
            "opened": self._take_over,
        }
        self.seat(self.release)

    def owner(self, symbol: str) -> SleeveBook:
        """Return the sleeve that holds `symbol`, or else trades it; KeyError when none does."""
        seats = self._holders[symbol]
        if len(seats) > 1:
            for sleeve in seats:
                if sleeve.terms.mode != "trade" and sleeve.states[symbol][at.POSITION] != 0.0:
                    return sleeve
        return seats[-1]

    def line(self, symbol: str) -> Line:
        """Return the line of the sleeve that owns `symbol`."""
        return self.owner(symbol).lines[symbol]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that a sleeve trades or holds."""
        return tuple(self._holders)

    def position(self, symbol: str) -> Decimal:
        """Return our signed position in coins."""
        sleeve = self.owner(symbol)
        return sleeve.lines[symbol].qty(sleeve.states[symbol][at.POSITION])

    def positions(self) -> dict[str, Decimal]:
        """Return every position that is not flat."""
        return {symbol: held for symbol in self._holders if (held := self.position(symbol)) != 0}

    def held(self) -> dict[str, Held]:
        """Return every position that is not flat, with the sleeve that holds it."""
        return {symbol: Held(key=self.owner(symbol).key, qty=qty) for symbol, qty in self.positions().items()}

    def equity(self) -> float:
        """Return the sum of the sleeves' equities at the newest closes, plus the capital no sleeve has."""
        equity = float(self.gate.capital)
        for sleeve in self.sleeves.values():
            if len(sleeve.closes) == len(sleeve.lines):
                equity += sleeve.equity(sleeve.closes) - sleeve.terms.capital
        return equity

    def gross(self) -> float:
        """Return the sum of |notional| over all symbols at the newest closes, USDT."""
        return sum(sleeve.gross() for sleeve in self.sleeves.values())

    def triggers(self, symbol: str) -> Triggers:
        """Return the stop and take-profit that the contract gives the position, none when flat."""
        state = self.owner(symbol).states[symbol]
        if state[at.POSITION] == 0.0:
            return NO_TRIGGERS
        return price_of(state[at.STOP]), price_of(state[at.TAKE])

    def unfinished(self, symbol: str) -> Iterator[InFlight]:
        """Yield the orders of `symbol` that have not ended."""
        return (order for order in self.orders.values() if order.body["symbol"] == symbol)

    def pending(self, symbol: str) -> float:
        """Return NOTHING, FRESH or PURSUE: whether something is to be planned."""
        return float(self.owner(symbol).states[symbol][at.PENDING])

    def state_of(self, symbol: str) -> tuple[State, str]:
        """Return the stricter of the account's and the symbol's state, and why."""
        own = self.states.get(symbol)
        if own is None or self.gate.state == "HALTED":
            return self.gate.state, self.gate.reason
        return own

    def apply(self, kind: str, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        """Take one event.

        Raises:
            RefusedError: it is not one that the events before it lead to.
        """
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(time_ms, body)

    def skips_of(self, symbols: Sequence[str], traded: Mapping[str, bool]) -> dict[str, Any]:
        """Return the body of a plan event: what would be skipped, by symbol; the state stays as it is."""
        shown: dict[str, Any] = {}
        for symbol in symbols:
            sleeve = self.owner(symbol)
            line = sleeve.lines[symbol]
            _, out = orders_of(sleeve.states[symbol].copy(), line, traded=traded[symbol])
            shown[symbol] = {
                "traded": traded[symbol],
                "skipped": [
                    {"reason": at.KIND_NAMES[int(row[at.E_KIND])], "qty": str(line.qty(row[at.E_STEPS]))} for row in out
                ],
            }
        return shown

    def overdue(self, sleeve: SleeveBook) -> dict[str, str]:
        """Return by symbol the coins that a sleeve's newest decision wanted more of, and that were never planned."""
        found: dict[str, str] = {}
        for symbol, line in sleeve.lines.items():
            state = sleeve.states[symbol]
            if state[at.PENDING] == at.FRESH and self.owner(symbol) is sleeve:
                _, out = orders_of(state.copy(), line, traded=False)
                higher = [row[at.E_STEPS] for row in out if row[at.E_KIND] == at.SKIP_NOT_TRADED]
                if higher:
                    found[symbol] = str(line.qty(higher[0]))
        return found

    def carried(self) -> dict[str, object]:
        """Return all of it as an `opened` event carries it."""
        return carried(self)

    def seat(self, release: Release) -> None:
        """Let a release's sleeves take their places, flat; what is carried is theirs with the next `opened`."""
        self.release = release
        self.gate.limits, self.gate.capital = release.limits, release.capital
        self.sleeves = {key: SleeveBook(key=key, terms=terms) for key, terms in release.sleeves.items()}
        self._holders = {}
        for sleeve in sorted(self.sleeves.values(), key=lambda one: one.terms.mode == "trade"):
            for symbol in sleeve.lines:
                self._holders.setdefault(symbol, []).append(sleeve)

    def handed(self, carried: Mapping[str, Any]) -> dict[str, object]:
        """Return what is carried as those who sit here now hold it, each having taken what its terms say."""
        for sleeve in self.sleeves.values():
            sleeve.take(carried["sleeves"], sleeve.terms.takes)
        return {**carried, "sleeves": {key: sleeve.to_json() for key, sleeve in self.sleeves.items()}}

    def _take_over(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        take_over(self, body["carried"])

    def _decide(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        sleeve = self.sleeves[body.get("sleeve", body["strategy"])]
        sleeve.decided_bar = EpochMs(body["bar"])
        sleeve.closes = dict(body["closes"])
        equity = float(body["equity"])
        sleeve.ruined = sleeve.ruined or equity <= 0.0
        self.gate.mark(self.equity(), time_ms)
        for symbol, wanted in body["symbols"].items():
            asked = float(wanted["exposure"])
            sleeve.asked[symbol] = asked
            if symbol not in sleeve.lines or self.owner(symbol) is not sleeve:
                continue
            state = sleeve.states[symbol]
            if state[at.PENDING] == at.FRESH:  # not acted on in its time: what lowers goes on, what raises is over
                orders_of(state, sleeve.lines[symbol], traded=False)
            exposure = 0.0 if sleeve.ruined or self._runs_down(symbol) else asked
            stop, take = number_of(wanted["stop_loss"]), number_of(wanted["take_profit"])
            on_decision(state, sleeve.lines[symbol].terms, exposure, stop, take, equity, float(sleeve.closes[symbol]))

    def _runs_down(self, symbol: str) -> bool:
        return self.gate.flattens or self.states.get(symbol, ("ACTIVE", ""))[0] == "REDUCING"

    def _plan(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        for symbol, shown in body["symbols"].items():
            sleeve = self.owner(symbol)
            bar, before = self.attempts.get(symbol, (None, -1))
            attempt = before + 1 if bar == sleeve.decided_bar else 0
            planned = planned_of(sleeve, symbol, account=self.release.account, traded=shown["traded"], attempt=attempt)
            self.traded[symbol] = bool(shown["traded"])
            if sleeve.decided_bar is not None:
                self.attempts[symbol] = (sleeve.decided_bar, attempt)
            if planned:
                waiting = [*self.owed.get(symbol, ()), *planned]
                self.owed[symbol] = sorted(waiting, key=lambda one: one.leg == "enter")

    def _ack(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        if body["order_link_id"] in self.orders:
            order = self.orders[body["order_link_id"]]
            order.taken = True
            self.gate.note_answered(order.sent_ms, time_ms)

    def _resend(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        self.orders[body["order_link_id"]].sent_ms = body["sent_ms"]
        self.gate.note_sent(time_ms)

    def _protect(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        self.stops[body["symbol"]] = (decimal_of(body["stop_loss"]), decimal_of(body["take_profit"]))

    def _intend(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        self._strike(body)
        self.orders[body["order_link_id"]] = InFlight(body=body, sent_ms=body["sent_ms"])
        self.gate.note_sent(time_ms)

    def _end(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        link = body.get("order_link_id", "")
        if link in self.orders:
            ended = self.orders.pop(link)
            if not ended.taken:
                self.gate.note_answered(ended.sent_ms, time_ms)
            if not ended.is_entry and ended.left > 0:
                self.retry_ms[ended.body["symbol"]] = EpochMs(time_ms + self._patience(ended.body["symbol"]))
        elif link:
            self._strike(body)

    def _strike(self, body: Mapping[str, Any]) -> None:
        """Take the next order that is owed, of entries or of what lowers, from the list; it must be this one."""
        link, symbol = body["order_link_id"], body["symbol"]
        queue = self.owed.get(symbol, [])
        enters = body["leg"] == "enter"
        expected = next((planned for planned in queue if (planned.leg == "enter") == enters), None)
        if expected is None or link != expected.link:
            raise RefusedError(
                f"the journal's order {link} is not the one its decisions lead to "
                f"({expected.link if expected else 'none'}): another runtime wrote it. "
                "Close the account's positions by hand and start a new journal"
            )
        queue.remove(expected)
        if not queue:
            del self.owed[symbol]

    def _patience(self, symbol: str) -> int:
        _, attempts = self.attempts.get(symbol, (0, 0))
        return int(min(30_000, 1000 * 2 ** min(attempts, 5)))

    def _book(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        if time_ms >= self.newest_ms:
            self.newest_ms, self.newest_id = time_ms, body["exec_id"]
        symbol, link = body["symbol"], body["order_link_id"]
        sleeve = self.owner(symbol)
        state, line, fee = sleeve.states[symbol], sleeve.lines[symbol], float(body["fee"])
        if body["exec_type"] == "Funding":
            apply_funding(state, line.terms, line.tiers, fee)
            return
        size = Decimal(body["qty"])
        steps = line.steps(size) * (1.0 if body["side"] == "Buy" else -1.0)
        stop, take = number_of(body["stop_loss_frac"]), number_of(body["take_profit_frac"])
        fresh = state[[at.WANTED, at.PENDING]].copy() if state[at.PENDING] == at.FRESH else None
        if is_taken_over(body, self.release):
            for one in self.sleeves.values():
                one.ruined = True
        kind = kind_of(body, closes=state[at.POSITION] + steps == 0.0)
        apply_fill(state, line.terms, line.tiers, kind, steps, float(body["price"]), fee, stop, take)
        if fresh is not None and body["leg"] == "enter":
            state[[at.WANTED, at.PENDING]] = fresh  # decided after that entry was sent: still to be acted on
        if body["leg"] == "enter":
            self.opener[symbol] = link
            stop_loss, take_profit = self.stops.get(symbol, NO_TRIGGERS)  # what an order does not name stays
            self.stops[symbol] = (
                decimal_of(body["stop_loss"]) or stop_loss,
                decimal_of(body["take_profit"]) or take_profit,
            )
        if state[at.POSITION] == 0.0:
            self.stops.pop(symbol, None)
        order = self.orders.get(link)
        if order is not None:
            order.filled += size
            if order.left <= 0:
                del self.orders[link]

    def _give_up(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        state = self.owner(body["symbol"]).states[body["symbol"]]
        state[at.LATCH] = np.sign(state[at.POSITION])
        state[at.WANTED], state[at.PENDING] = 0.0, at.FRESH

    def _change(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        symbol, state, reason = body.get("symbol", ""), body["state"], body["reason"]
        if body["by"] == "limits":
            return
        if symbol and state == "ACTIVE":
            self.states.pop(symbol, None)
        elif symbol:
            self.states[symbol] = (state, reason)
        else:
            self.gate.told(state, reason, flattens=bool(body.get("flatten")))
            if state == "ACTIVE":
                self.states = {}
        if body.get("flatten"):
            for one in (symbol,) if symbol else self.symbols:
                want_flat(self.owner(one).states[one])
        if body.get("from") == "flat":
            for one in self.symbols:
                sleeve = self.owner(one)
                sleeve.states[one][at.LATCH] = np.sign(sleeve.asked.get(one, 0.0))

    def _adopt(self, _time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        """Let the position be what a human has seen at the venue; the next decision is a new one."""
        symbol = body["symbol"]
        sleeve = self.owner(symbol)
        line, old = sleeve.lines[symbol], sleeve.states[symbol]
        state = new_state()
        state[[at.REALISED, at.FEES, at.FUNDING]] = old[[at.REALISED, at.FEES, at.FUNDING]]
        size = Decimal(body["size"])
        if size != 0:
            stop, take = old[at.STOP_DISTANCE], old[at.TAKE_DISTANCE]
            price = float(body["entry_price"])
            apply_fill(state, line.terms, line.tiers, at.ENTRY_FILL, line.steps(size), price, 0.0, stop, take)
        state[at.DECIDED] = np.copysign(NEVER_ASKED, sleeve.asked.get(symbol, 0.0))
        sleeve.states[symbol] = state
        self.stops.pop(symbol, None)
        self.orders = {link: order for link, order in self.orders.items() if order.body["symbol"] != symbol}
        self.owed.pop(symbol, None)
