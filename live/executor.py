"""The executor: book what happened, decide, write the intent, send, in that order and never another.

Per instant one durable transaction holds the executions since the last, the decisions of the bars
that closed, and the intents for the bars that open. What the venue answered opens the next one: an
intent without an answer is looked up by its link id at start, and only then sent again, as itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.errors import RefusedError, VenueRejected
from autarch.market.types import Market
from live.account import AccountState, Planned, execution_body
from live.brain import Brain
from live.journal import BarClaim, Draft, Event, Journal
from live.lines import to_decimal
from live.orders import OrderName, Proposed
from live.schedule import Instant, instants
from live.venue.port import OrderRequest, Side, Venue


class Feed(Protocol):
    """Who moves the venue's bars: a recorded feed plays them, a real venue lives by itself."""

    def open_bars(self, symbols: Sequence[str]) -> None:
        """Open the next bar of `symbols`."""
        ...

    def close_bars(self, symbols: Sequence[str]) -> None:
        """Play the rest of the present bar of `symbols`."""
        ...


@dataclass(kw_only=True)
class Executor:
    """Trades one account by one release. `opened` is the body of this run's first event."""

    tag: str
    account_name: str
    account: AccountState
    journal: Journal
    venue: Venue
    feed: Feed
    markets: Mapping[str, Market]
    deciders: Mapping[str, Brain]
    opened: Mapping[str, object]
    progress: Callable[[int, int], None] = lambda _done, _of: None
    _drafts: list[Draft] = field(default_factory=list)
    _traded_by: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Note which symbols each strategy trades."""
        self._traded_by = {name: [line.symbol for line in s.lines] for name, s in self.account.sleeves.items()}

    def run(self, *, bars_max: int | None = None) -> int:
        """Trade from where the journal ends to the end of the feed, or for `bars_max` bars that are decided on.

        Returns the bars decided on; those before every warm-up is whole are passed in silence.

        Raises:
            RefusedError: the journal, our state and the venue do not agree: nothing was sent.
            AutarchError: as deciders, venue and journal raise.
        """
        schedule = list(instants(self.markets))
        resumed = self._resume(schedule)
        decided = 0
        for number, instant in enumerate(schedule[resumed:], resumed + 1):
            if bars_max is not None and decided >= bars_max:
                break
            decided += self._step(instant)
            self.progress(number, len(schedule))
        self._absorb()
        self._commit(())
        return decided

    def _step(self, instant: Instant) -> bool:
        """Live through one instant and return whether any bar was decided on."""
        self.feed.close_bars(self._symbols(instant.closing))
        self._absorb()
        self._reconcile(instant.closing)
        claims = self._decide(instant)
        opening = self._symbols(instant.opening)
        self.feed.open_bars(opening)
        self._absorb()
        requests = self._plan(instant, opening)
        self._commit(claims)
        for request in requests:
            self._send(request, instant.time_ms)
        return bool(claims)

    def _resume(self, schedule: list[Instant]) -> int:
        """Rebuild what we knew, move the venue to the same instant, settle what was in flight."""
        self.journal.verify()
        events = list(self.journal.events())
        self._refold(events)
        now = max((e.time_ms for e in events if e.kind in {"decision", "plan", "intent"}), default=None)
        done = sum(1 for instant in schedule if now is not None and instant.time_ms <= now)
        for instant in schedule[:done]:
            self.feed.close_bars(self._symbols(instant.closing))
            self.feed.open_bars(self._symbols(instant.opening))
        self._require_same_past()
        self._draft("opened", EpochMs(now or schedule[0].time_ms if schedule else 0), dict(self.opened))
        if now is not None:
            for link, intent in tuple(self.account.unanswered.items()):
                self._settle(link, intent, EpochMs(now))
            self._absorb()
        self._commit(())
        return done

    def _refold(self, events: list[Event]) -> None:
        """Apply the journal; its orders must be the ones its decisions lead to."""
        planned: deque[str] = deque()
        for event in events:
            of_plan = event.kind == "intent" or (event.kind == "rejected" and event.body["by"] == "limits")
            expected = planned.popleft() if of_plan and planned else None
            if of_plan and event.ref != expected:
                raise RefusedError(
                    f"the journal's order {event.ref} is not the one its decisions lead to ({expected}): another "
                    "runtime wrote it. Close the account's positions by hand and start a new journal"
                )
            orders = self.account.apply(event.kind, event.time_ms, event.body)
            planned.extend(self._name(order).order_link_id for order in orders)

    def _require_same_past(self) -> None:
        known = self.account.last_seq
        if known == 0:
            return
        found = [e for e in self.venue.executions(after=known - 1) if e.seq == known]
        if not found or found[0].exec_id != self.account.last_exec_id:
            raise RefusedError(
                f"the journal booked execution {self.account.last_exec_id} as number {known}; the venue has "
                f"{found[0].exec_id if found else 'none'}: orders or bars it knew are gone. Nothing is traded; "
                "compare the account with the journal and start a new one"
            )

    def _settle(self, link: str, intent: Mapping[str, Any], now: EpochMs) -> None:
        ack = self.venue.find_order(link)
        if ack is None:
            self._send(_request(intent), now)
        else:
            self._draft("ack", now, {"order_link_id": link, "order_id": ack.order_id}, ref=link)

    def _absorb(self) -> None:
        for execution in self.venue.executions(after=self.account.last_seq):
            opened_by = "" if execution.order_link_id else self.account.opener.get(execution.symbol, "")
            self._draft(
                "execution", execution.time_ms, execution_body(execution, opened_by=opened_by), execution.exec_id
            )

    def _reconcile(self, closing: tuple[tuple[str, int], ...]) -> None:
        for symbol in self._symbols(closing):
            ours, theirs = self.account.position(symbol), self.venue.position(symbol).size
            if ours != theirs:
                raise RefusedError(
                    f"{symbol}: our fills add up to {ours}, the venue holds {theirs}; nothing more is sent. "
                    "Find the difference by hand"
                )

    def _decide(self, instant: Instant) -> list[BarClaim]:
        claims = []
        for strategy, row in instant.closing:
            decided = self.deciders[strategy].decide(row)
            if decided is None:
                continue
            market, sleeve = self.markets[strategy], self.account.sleeves[strategy]
            bar = EpochMs(int(market.ts[row]))
            closes = {line.symbol: float(line.series.close[row]) for line in sleeve.lines}
            state = self.account.gate.state
            body = {
                "tag": self.tag,
                "strategy": strategy,
                "bar": bar,
                "inputs": decided.inputs,
                "equity": sleeve.equity(closes),
                "closes": closes,
                "symbols": decided.symbols,
            }
            self._draft("decision", instant.time_ms, body)
            if self.account.gate.state != state:
                gate = self.account.gate
                self._draft("state", instant.time_ms, {"state": gate.state, "reason": gate.reason, "by": "limits"})
            claims += [BarClaim(symbol=symbol, bar=bar, tag=self.tag) for symbol in decided.symbols]
        return claims

    def _plan(self, instant: Instant, opening: list[str]) -> list[OrderRequest]:
        pending = self.account.pending(opening)
        if not pending:
            return []
        rows = dict(instant.opening)
        traded = {}
        for symbol in pending:
            sleeve, line = self.account.owner(symbol)
            traded[symbol] = bool(line.series.traded[rows[sleeve.strategy]])
        shown = self.account.skips_of(pending, traded)
        planned = self._draft("plan", instant.time_ms, {"tag": self.tag, "symbols": shown})
        return [request for order in planned if (request := self._intend(order, instant.time_ms)) is not None]

    def _intend(self, planned: Planned, now: EpochMs) -> OrderRequest | None:
        """Write one order down, or why a limit refuses it."""
        body = self._intent_body(planned)
        refusal = self.account.gate.refuse(self._proposed(planned, now))
        if refusal is None:
            self._draft("intent", now, body, ref=str(body["order_link_id"]))
            return _request(body)
        self._draft("rejected", now, {**body, "by": "limits", "reason": refusal}, ref=str(body["order_link_id"]))
        return None

    def _intent_body(self, planned: Planned) -> dict[str, object]:
        line = planned.line
        entry = planned.leg == "enter"
        return {
            "tag": self.tag,
            "order_link_id": self._name(planned).order_link_id,
            "strategy": line.strategy,
            "symbol": line.symbol,
            "bar": planned.bar,
            "leg": planned.leg,
            "part": planned.part,
            "side": "Buy" if planned.steps > 0.0 else "Sell",
            "qty": str(line.qty(abs(planned.steps))),
            "reduce_only": not entry,
            "stop_loss_frac": _frac(planned.stop) if entry else None,
            "take_profit_frac": _frac(planned.take) if entry else None,
        }

    def _proposed(self, planned: Planned, now: EpochMs) -> Proposed:
        sleeve, line = self.account.owner(planned.line.symbol)
        close = sleeve.closes[line.symbol]
        notional = abs(line.coins(planned.steps)) * close
        held = abs(line.coins(sleeve.states[line.symbol][at.POSITION])) * close
        flips = planned.leg == "enter" and sleeve.states[line.symbol][at.POSITION] * planned.steps < 0.0
        return Proposed(
            notional=to_decimal(notional),
            gross_after=to_decimal(self.account.gross() - (held if flips else 0.0) + notional),
            reduces=planned.leg != "enter",
            time_ms=now,
        )

    def _send(self, request: OrderRequest, now: EpochMs) -> None:
        """Send one written intent. An entry that follows a close waits until the venue reads flat."""
        link = request.order_link_id
        held = self.venue.position(request.symbol).size
        against = held > 0 if request.side == "Sell" else held < 0
        if not request.reduce_only and against:
            self._reject(request, now, f"the venue still holds {held}; an entry follows a close only from flat")
            return
        try:
            ack = self.venue.place(request)
        except VenueRejected as error:
            self._reject(request, now, str(error))
            return
        self._draft("ack", now, {"order_link_id": link, "order_id": ack.order_id}, ref=link)

    def _reject(self, request: OrderRequest, now: EpochMs, reason: str) -> None:
        body = {"order_link_id": request.order_link_id, "by": "venue", "reason": reason}
        self._draft("rejected", now, body, ref=request.order_link_id)

    def _draft(self, kind: str, time_ms: EpochMs, body: Mapping[str, object], ref: str = "") -> list[Planned]:
        self._drafts.append(Draft(time_ms=time_ms, kind=kind, body=body, ref=ref))
        return self.account.apply(kind, time_ms, body)

    def _commit(self, claims: Sequence[BarClaim]) -> None:
        if self._drafts:
            self.journal.append(self._drafts, claims=claims)
            self._drafts = []

    def _name(self, planned: Planned) -> OrderName:
        return OrderName(
            account=self.account_name,
            strategy=planned.line.strategy,
            symbol=planned.line.symbol,
            bar=planned.bar,
            leg=planned.leg,
            part=planned.part,
        )

    def _symbols(self, group: tuple[tuple[str, int], ...]) -> list[str]:
        return [symbol for strategy, _ in group for symbol in self._traded_by[strategy]]


def _request(intent: Mapping[str, Any]) -> OrderRequest:
    side: Side = "Buy" if intent["side"] == "Buy" else "Sell"
    stop, take = intent["stop_loss_frac"], intent["take_profit_frac"]
    return OrderRequest(
        order_link_id=str(intent["order_link_id"]),
        symbol=str(intent["symbol"]),
        side=side,
        qty=Decimal(intent["qty"]),
        reduce_only=bool(intent["reduce_only"]),
        stop_loss_frac=None if stop is None else Decimal(stop),
        take_profit_frac=None if take is None else Decimal(take),
    )


def _frac(value: float) -> str | None:
    return None if value != value else repr(float(value))  # noqa: PLR0124  NaN: no distance
