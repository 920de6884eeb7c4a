"""What no life may show, looked at after every event, from the venue's truth, the wire and the disk alone.

Nothing here asks the executor what it thinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from live.journal import GENESIS, Event, event_hash
from live.journal_body import body_text
from live.orders import OUR_PREFIX
from live.simulator.core.rows import ExecutionRow

from .fates import CREATE, misjudged, misquoted
from .faults import STRANGE
from .lasting import BARE_MS, EXIT_MS, Lasting, is_by_hand, is_too_large, stop_of
from .scenario import CAPITAL
from .targets import TICK, close_of, stop_due, target_of, won_before
from .tracing import short
from .venue_side import UID
from .wire import Sent

if TYPE_CHECKING:
    from .life import Life

ZERO: Final = Decimal(0)
LEVERAGE: Final = Decimal(3)  # max_leverage of the manifest and one more
MINUTE_MS: Final = 57_000  # an order leaves up to some seconds after it was counted
RESTART_MS: Final = 20_000
SILENT_MS: Final = 800_000  # ten minutes of silence, and time for a bar or two after it


class Watch:
    """Sees a life from outside. `broken` says what it has shown that it may not; `ended` how each symbol ended."""

    def __init__(self, life: Life) -> None:
        """See nothing yet."""
        self.life = life
        self.broken: list[str] = []
        self.ended: dict[str, str] = {}
        self._sent = self._seq = self._executed = self._spoke_ms = 0
        self._head = GENESIS
        self._asked: list[Sent] = []
        self._intents: dict[str, Mapping[str, Any]] = {}
        self._resent: dict[str, int] = {}
        self._wired: dict[str, int] = {}
        self._decided: dict[str, Event] = {}
        self._changed: dict[str, Event] = {}
        self._by_bar: dict[tuple[str, int], Event] = {}
        self._booked: dict[str, Event] = {}
        self._states: dict[str, tuple[str, str]] = {}
        self._held: dict[str, Decimal] = {}
        self._journal: dict[str, Decimal] = {}
        self._entered: dict[tuple[str, int, int], Decimal] = {}
        self._stop_due: dict[str, bool] = {}
        self._foreign = False
        self._strange: dict[str, Decimal] = {}  # by symbol, coins that a stranger has traded
        self._lasting = Lasting()
        self._afresh: dict[str, str] = {}  # by symbol, the release that decides anew once it is flat
        self._parted = False

    def found(self, text: str) -> None:
        """Note what no life may show."""
        if len(self.broken) < 5:
            house = self.life.house
            self.broken.append(f"{house.site.now_ms - house.start_ms} ms: {text}")

    def own_state(self, symbol: str = "") -> str:
        """Return ACTIVE, REDUCING or HALTED as the disk has it, the stricter of the account's and a symbol's."""
        states = [self._states.get("", ("ACTIVE", ""))[0], self._states.get(symbol, ("ACTIVE", ""))[0]]
        if self.life.disk.latch.read().blocks(symbol) is not None:
            states.append("HALTED")
        return max(states, key=("ACTIVE", "REDUCING", "HALTED").index)

    def flips(self, symbol: str) -> bool:
        """Return whether the newest decision wants the other side of what is held."""
        held = self._held.get(symbol, ZERO)
        return held * self._wanted(symbol) < 0

    def look(self) -> None:
        """Look at everything that is new."""
        self._read_disk()
        self._read_wire()
        self._read_venue()
        self._look_at_what_lasts()

    def at_end(self) -> None:
        """Look at where the life has led: the newest target, or a halt that somebody was told of."""
        self.look()
        self.ended = {symbol: self._end_of(symbol) for symbol in self.life.scenario.symbols}

    @property
    def _account(self) -> Any:
        return self.life.house.site.exchange.accounts[UID]

    def _read_disk(self) -> None:
        kept = self.life.disk.kept
        if kept.head[0] == self._seq:
            return
        for event in kept.events(after=self._seq):
            content = (self._seq + 1, event.time_ms, event.kind, event.ref, body_text(event.body))
            if (event.prev, event.hash) != (self._head, event_hash(self._head, content)):
                self.found(f"the hash chain breaks at event {event.seq}")
            self._seq, self._head = event.seq, event.hash
            self._take(event)

    def _take(self, event: Event) -> None:
        body: Mapping[str, Any] = event.body
        match event.kind:
            case "intent":
                if body["order_link_id"] in self._intents:
                    self.found(f"a second intent under {body['order_link_id']}")
                self._intents[body["order_link_id"]] = body
            case "ack" | "rejected" | "missed":
                self._check_answer(event)
            case "resent":
                self._check_answer(event)
                self._resent[body["order_link_id"]] = self._resent.get(body["order_link_id"], 0) + 1
            case "decision":
                self._take_decision(event)
            case "execution" | "foreign":
                self._take_execution(event)
            case "state":
                self._take_state(body)
            case "opened" | "adopted":
                self._take_over(body)

    def _take_state(self, body: Mapping[str, Any]) -> None:
        self._states[body.get("symbol", "")] = (body["state"], body["reason"])
        if body["state"] == "ACTIVE" and not body.get("symbol"):
            self._states = {"": ("ACTIVE", body["reason"])}

    def _check_answer(self, event: Event) -> None:
        wrong = misjudged(event, self.life.house.log, now_ms=self.life.house.now_ms(), off_ms=self.life.clock.off_ms)
        if wrong is not None:
            self.found(wrong)

    def _take_decision(self, event: Event) -> None:
        body: Mapping[str, Any] = event.body
        self._check_equity(event)
        for symbol, wanted in body["symbols"].items():
            if symbol not in body["closes"] or self.life.disk.kept.tag_of(symbol, body["bar"]) != body["tag"]:
                continue  # of a sleeve that waits for the symbol, or does not have it any more
            before: Any = self._decided.get(symbol)
            afresh = self._afresh.get(symbol) == body["tag"]
            if before is None or afresh or before.body["symbols"][symbol]["exposure"] != wanted["exposure"]:
                self._changed[symbol] = event
                if afresh:
                    del self._afresh[symbol]
            if (symbol, body["bar"]) in self._by_bar:
                self.found(f"{symbol} at {body['bar']} is decided twice")
            self._decided[symbol] = self._by_bar[symbol, body["bar"]] = event

    def _take_over(self, body: Mapping[str, Any]) -> None:
        """Whoever takes over and does not adopt begins anew, with money and decisions of its own."""
        if "size" in body:  # a human has adopted what the venue shows
            self._journal[body["symbol"]] = Decimal(body["size"])
        for symbol, action in body.get("handover", {}).items():
            if action in {"drain", "flatten"}:
                self._afresh[symbol], self._parted = body["tag"], True

    def _take_execution(self, event: Event) -> None:
        body: Mapping[str, Any] = event.body
        known = body["exec_id"]
        self._foreign |= event.kind == "foreign"
        if known in self._booked:
            self.found(f"execution {known} is booked twice")
        self._booked[known] = event
        row = next((row for row in reversed(self._account.executions) if row.exec_id == known), None)
        if row is None:
            self.found(f"execution {known} was booked and never happened")
            return
        facts = (row.symbol, row.side, row.exec_qty, row.exec_price, row.exec_fee, row.time_ms)
        said = (body["symbol"], body["side"], *(Decimal(body[k]) for k in ("qty", "price", "fee")), event.time_ms)
        if event.kind == "execution" and is_by_hand(row, row.order_link_id in self._intents):
            self.found(f"execution {known} was made by hand and is booked as our own")
        if facts != said:
            self.found(f"execution {known} is booked as {said}, it was {facts}")
        if row.exec_type != "Funding" and event.kind == "execution":
            signed = row.exec_qty if row.side == "Buy" else -row.exec_qty
            self._journal[row.symbol] = self._journal.get(row.symbol, ZERO) + signed

    def _read_wire(self) -> None:
        log = self.life.house.log
        while self._sent < len(log):
            sent = log[self._sent]
            self._sent += 1
            if sent.path == CREATE or sent.params.get("orderLinkId"):
                self._spoke_ms = self.life.house.now_ms()
            if sent.path == CREATE:
                self._asked.append(sent)
                self._check_send(sent)

    def _check_send(self, sent: Sent) -> None:
        link, symbol = str(sent.params.get("orderLinkId", "")), str(sent.params["symbol"])
        intent = self._intents.get(link)
        if intent is None:
            self.found(f"an order went out that is in no journal: {short(sent.params)}")
            return
        if (wrong := misquoted(sent, intent)) is not None:
            self.found(wrong)
        if sent.fault != "not_sent":
            self._wired[link] = self._wired.get(link, 0) + 1
            if self._wired[link] > 1 + self._resent.get(link, 0):
                self.found(f"order {link} was sent {self._wired[link]} times")
        state = self.own_state(symbol)
        if state == "HALTED" and not intent.get("asked_by_human"):
            self.found(f"order {link} was sent while {symbol} is HALTED")
        if state == "REDUCING" and not intent["reduce_only"]:
            self.found(f"entry {link} was sent while {symbol} is REDUCING")
        if not intent["reduce_only"]:
            self._check_entry(link, intent)
            if self._held.get(symbol, ZERO) * (1 if intent["side"] == "Buy" else -1) < 0:
                self.found(f"order {link} goes against what is held and is not reduce-only")

    def _check_entry(self, link: str, intent: Mapping[str, Any]) -> None:
        life, symbol = self.life, intent["symbol"]
        if (late_ms := life.house.now_ms() - intent["bar"] - life.scenario.interval_ms) > life.deadline_ms + 1000:
            self.found(f"entry {link} went out {late_ms} ms after its bar's close")
        limits, close = life.scenario.limits, self._close(symbol)
        if (notional := Decimal(intent["qty"]) * close) > limits.max_order_notional:
            self.found(f"entry {link} of {notional:.0f} USDT is above max_order_notional")
        gross = notional + sum(abs(held) * self._close(one) for one, held in self._held.items())
        if gross > CAPITAL * Decimal(str(limits.max_gross_leverage)) * Decimal("1.0001"):
            self.found(f"entry {link} would bring gross notional to {gross:.0f} USDT")
        now = life.house.now_ms()
        recent = sum(1 for sent in self._asked[:-1] if sent.sent_ms > now - MINUTE_MS and sent.fault != "not_sent")
        if recent >= limits.orders_per_minute and not life.clock.off_ms:
            self.found(f"entry {link} is order {recent + 1} within a minute; {limits.orders_per_minute} are allowed")

    def _read_venue(self) -> None:
        rows = self._account.executions
        while self._executed < len(rows):
            row: ExecutionRow = rows[self._executed]
            self._executed += 1
            if row.exec_type != "Funding":
                self._check_fill(row)

    def _check_fill(self, row: ExecutionRow) -> None:
        before = self._held.get(row.symbol, ZERO)
        after = before + (row.exec_qty if row.side == "Buy" else -row.exec_qty)
        self._held[row.symbol] = after
        if not row.order_link_id.startswith(OUR_PREFIX):
            if after == 0:
                self._stop_due[row.symbol] = False
            if row.create_type == "CreateByUser":
                self._strange[row.symbol] = self._strange.get(row.symbol, ZERO) + row.exec_qty
            return
        intent = self._intents.get(row.order_link_id)
        if intent is None:
            return  # told when it went out
        self._stop_due[row.symbol] = after != 0 and (
            intent.get("stop_loss") is not None or (intent["reduce_only"] and self._stop_due.get(row.symbol, False))
        )
        target = self._wanted(row.symbol, intent["bar"])
        if abs(after) > max(abs(target), abs(before)) + self._strange.get(row.symbol, ZERO):
            self.found(
                f"{row.symbol}: {row.order_link_id} moved the position from {before} to {after}; the target is {target}"
            )
        if intent["reduce_only"]:
            return
        if before * after < 0:
            self.found(f"{row.symbol}: the entry {row.order_link_id} crossed zero, from {before} to {after}")
        key = (row.symbol, intent["bar"], int(intent.get("part", 0)))
        self._entered[key] = self._entered.get(key, ZERO) + row.exec_qty
        if self._entered[key] > Decimal(intent["qty"]):
            self.found(
                f"{row.symbol}: entries of bar {intent['bar']} filled {self._entered[key]}, wanted {intent['qty']}"
            )

    def _look_at_what_lasts(self) -> None:
        """No position is long without its stop, or larger than its target, while everything works."""
        life, now = self.life, self.life.house.site.now_ms
        quiet_ms = max(life.trouble_ms, self._spoke_ms)
        works = life.process is not None and life.process.alive and life.process.held is None and not life.house.is_dark
        silent = self._silenced()  # whoever may ask nothing sees nothing
        odd = silent or bool({kind for _, _, kind in life.menace.struck} & STRANGE)
        for symbol, held in self._held.items():
            active = works and self.own_state(symbol) == "ACTIVE"
            due = active and not silent and held != 0 and self._stop_due.get(symbol, False)
            bare = due and stop_of(self._account.orders_of(symbol), held) is None
            lasts = self._lasting.lasts_ms(("bare", symbol), so=bare, now_ms=now, from_ms=life.trouble_ms)
            if lasts > BARE_MS:
                self.found(f"{symbol}: {held} have had no stop for {lasts} ms, and the state is ACTIVE")
                self._stop_due[symbol] = False
            large = active and not odd and is_too_large(held, self._wanted(symbol), self._close(symbol))
            lasts = self._lasting.lasts_ms(("large", symbol), so=large, now_ms=now, from_ms=quiet_ms)
            if lasts > EXIT_MS:
                self.found(f"{symbol}: {held} are held for {lasts} ms; the target is {self._wanted(symbol)}")

    def _end_of(self, symbol: str) -> str:
        """Return how a symbol ended, and note what is wrong with it."""
        life = self.life
        held, target = self._held.get(symbol, ZERO), self._wanted(symbol)
        state = self.own_state(symbol)
        told = any(severity != "info" for _, severity, _, _ in life.told) or bool(life.exits)
        struck = {kind for _, _, kind in life.menace.struck}
        if state != "ACTIVE" or not self._opened():
            if not told and self.life.kill.at_ms < self.life.scenario.end_ms - RESTART_MS:
                self.found(f"{symbol} ended {state} and nobody was told")
            if not struck & STRANGE and state == "HALTED":
                _, why = self._states.get(symbol, self._states.get("", ("", "")))
                self.found(f"{symbol} ended {state} although nothing strange happened: {why}")
            if state == "REDUCING" and held * target <= 0 and held != 0 and not self._silenced():
                self.found(f"{symbol} ended REDUCING and still holds {held}; the newest target is {target}")
            return state.lower() if self._opened() else "refused"
        if self._silenced():
            return "silenced"
        self._check_drift(symbol)
        if not life.house.is_heard(life.process):
            self.found(f"{symbol} ended without a private stream")
        if held != target and not self._may_differ(symbol, held):
            self.found(f"{symbol} ended with {held}; the newest target is {target}")
        self._check_books(symbol, held)
        if held != 0:
            self._check_stop(symbol, held)
        return "on target"

    def _silenced(self) -> bool:
        """Return whether the venue's edge turned us away so late that the calm was too short to act again."""
        since = self.life.house.site.now_ms - SILENT_MS
        return any(kind == "http_403" and at > since for at, _, kind in self.life.menace.struck)

    def _check_drift(self, symbol: str) -> None:
        """Who goes on trading must still have the account and the contract that it began with."""
        account, market = self._account, self.life.scenario.drawn.market
        contract = self.life.house.site.exchange.quotes[symbol].contract
        now = (account.margin_mode, account.position_mode, account.holdings[symbol].leverage, contract.status)
        listed = market.instruments[market.symbols.index(symbol)]
        if now != ("ISOLATED_MARGIN", 0, LEVERAGE, "Trading") or contract.instrument != listed:
            self.found(f"{symbol} is traded on, although account or contract are not what they were: {now}")

    def _check_stop(self, symbol: str, held: Decimal) -> None:
        """The stop stands at the distance from the average entry, to the tick nearer the entry."""
        order, entry = stop_of(self._account.orders_of(symbol), held), self._account.holdings[symbol].entry
        body: Any = self._changed[symbol].body
        distance = body["symbols"][symbol]["stop_loss"]
        if distance is None:
            return
        if order is None:
            self.found(f"{symbol} ended with {held} and without its stop")
            return
        due = stop_due(entry, distance, is_long=held > 0)
        if abs(order.trigger_price - due) > TICK:
            self.found(f"{symbol}: the stop stands at {order.trigger_price}; by the contract it belongs at {due}")

    def _check_equity(self, event: Event) -> None:
        """A decision's equity is capital and own fills, fees and funding before its close, at its closes."""
        body: Mapping[str, Any] = event.body
        closes_ms, calm_ms = body["bar"] + self.life.scenario.interval_ms, self.life.scenario.calm_ms
        if closes_ms < calm_ms + 60_000 or any((self._strange, self._foreign, self._parted, self._silenced())):
            return
        rows, late_ms = self._account.executions, closes_ms + self.life.deadline_ms
        equity = CAPITAL + won_before(event, rows, self._booked, closes_ms=closes_ms, late_ms=late_ms)
        if abs(equity - Decimal(repr(float(body["equity"])))) > Decimal("0.01"):
            self.found(f"bar {body['bar']} was decided with an equity of {body['equity']}; it was {equity:.4f}")

    def _check_books(self, symbol: str, held: Decimal) -> None:
        if self._journal.get(symbol, ZERO) != held:
            self.found(f"{symbol}: the journal adds up to {self._journal.get(symbol, ZERO)}, the venue holds {held}")
        horizon = self.life.house.site.now_ms - 60_000
        for row in self._account.executions:
            if row.symbol == symbol and row.time_ms < horizon and row.exec_id not in self._booked:
                self.found(f"{symbol}: {row.exec_type} {row.exec_id} of {row.time_ms} was never booked")
                return

    def _may_differ(self, symbol: str, held: Decimal) -> bool:
        """Return whether a limit, the venue, the market or a late kill keeps the position from its target."""
        since = self.life.scenario.calm_ms
        if held != 0 and held * self._wanted(symbol) < 0:
            return False
        forced = any(
            row.symbol == symbol and row.time_ms > since and not row.order_link_id and row.exec_type != "Funding"
            for row in self._account.executions
        )
        strange = any(kind in STRANGE for _, _, kind in self.life.menace.struck)
        refused = any(
            event.time_ms > since and event.body.get("symbol") == symbol and (strange or event.body["by"] != "venue")
            for event in self.life.disk.kept.events("rejected")
        )
        missed = self.life.kill.at_ms > since and any(e.time_ms > since for e in self.life.disk.kept.events("missed"))
        return held == 0 and (forced or refused or missed)

    def _opened(self) -> bool:
        """Return whether the executor runs at the end."""
        process = self.life.process
        return process is not None and process.alive and self.life.disk.kept.head[0] > self.life.opened_at

    def _wanted(self, symbol: str, bar: int | None = None) -> Decimal:
        """Return a bar's target, or the newest that changed."""
        event = self._changed.get(symbol) if bar is None else self._by_bar.get((symbol, bar))
        return ZERO if event is None else target_of(event, symbol, share=len(self.life.scenario.symbols))

    def _close(self, symbol: str) -> Decimal:
        event = self._decided.get(symbol)
        return ZERO if event is None else close_of(event, symbol)
