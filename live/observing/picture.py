"""What a journal says of its account, folded event by event for eyes and gauges; the executor's books are its own.

Pure, and forgiving: an event of a kind or shape it does not know leaves the picture as it is, since whoever watches
must outlive a newer journal. Nothing here decides anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from live.journal import Event

DAY_MS = 86_400_000
CAUSES = (("StopLoss", "stop"), ("TakeProfit", "take-profit"), ("Liq", "liquidation"), ("TakeOver", "liquidation"))


@dataclass(slots=True, kw_only=True)
class Holding:
    """One symbol: signed coins, average entry, and the triggers the venue was last known to hold."""

    size: Decimal = Decimal(0)
    entry: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None

    def trade(self, qty: Decimal, price: Decimal) -> None:
        """Take a fill of signed coins: adding averages the entry, reducing leaves it, a flip begins anew."""
        after = self.size + qty
        if after == 0:
            self.entry = self.stop_loss = self.take_profit = None
        elif self.entry is None or self.size * after < 0:
            self.entry = price
        elif abs(after) > abs(self.size):
            self.entry = (self.entry * self.size + price * qty) / after
        self.size = after


@dataclass(slots=True, kw_only=True)
class Picture:
    """One account as its journal shows it.

    Attributes:
        tag: The release of the newest run, with all its `opened` event says in `opened`.
        halted: By symbol, state and reason, where it is not the account's.
        equity: By sleeve, USDT at its newest decision; `closes` by symbol are of then.
        orders: By link id, intents that have not ended.
        counts: Events by kind; `tallies` by (what, label), such as ("fills", "stop").
        latencies_ms: Bar close to sending, of the orders since somebody took them away.
    """

    tag: str = ""
    opened: Mapping[str, Any] = field(default_factory=dict)
    state: str = "ACTIVE"
    reason: str = ""
    halted: dict[str, tuple[str, str]] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    equity: dict[str, float] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    orders: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    tallies: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    peak: float = 0.0
    day: int = -1
    day_open: float = 0.0
    last_close_ms: int | None = None
    last_fill: str | None = None
    seq: int = 0

    def apply(self, event: Event) -> None:
        """Take one event."""
        self.seq = event.seq
        self.counts[event.kind] += 1
        body: Mapping[str, Any] = event.body
        match event.kind:
            case "opened":
                self._opened(body)
            case "decision":
                self._decided(event, body)
            case "intent":
                self._intended(event, body)
            case "rejected" | "missed" | "done":
                self._ended(event, body)
            case "resent" | "foreign":
                self.tallies[("unknown", "resent") if event.kind == "resent" else ("fills", "foreign")] += 1
            case "execution":
                self._executed(body)
            case "stops":
                self._stops(body)
            case "adopted":
                self._adopted(body)
            case "state":
                self._changed(body)

    def fold(self, events: Iterable[Event]) -> None:
        """Take many."""
        for event in events:
            self.apply(event)

    @property
    def positions(self) -> dict[str, Holding]:
        """Holdings that are not flat, by symbol."""
        return {symbol: held for symbol, held in sorted(self.holdings.items()) if held.size != 0}

    @property
    def account_equity(self) -> float | None:
        """USDT: the account's capital with what its sleeves made of theirs; None before the first run."""
        if "capital" not in self.opened:
            return sum(self.equity.values()) if self.equity else None
        made = sum(self.equity[name] - self._capital(name) for name in self.equity if name in self.sleeves)
        return float(self.opened["capital"]) + made

    @property
    def sleeves(self) -> Mapping[str, Any]:
        """The sleeves of the newest run, by key, as its `opened` event describes them."""
        found: Mapping[str, Any] = self.opened.get("sleeves", {})
        return found

    @property
    def drawdown_frac(self) -> float:
        """How far the account's equity is below its peak, as a fraction of the peak."""
        now = self.account_equity
        return 0.0 if now is None or self.peak <= 0.0 else max(0.0, 1.0 - now / self.peak)

    @property
    def day_change(self) -> float:
        """USDT since the first decision of the UTC day of the newest one."""
        now = self.account_equity
        return 0.0 if now is None or self.day < 0 else now - self.day_open

    def interval_ms(self, strategy: str) -> int | None:
        """Return the length of a sleeve's bars, None where the journal does not say."""
        sleeve = self.sleeves.get(strategy)
        return None if sleeve is None or "interval_ms" not in sleeve else int(sleeve["interval_ms"])

    def _capital(self, name: str) -> float:
        return float(self.sleeves[name].get("capital", 0.0))

    def _held(self, symbol: str) -> Holding:
        return self.holdings.setdefault(symbol, Holding())

    def _opened(self, body: Mapping[str, Any]) -> None:
        self.tag, self.opened = str(body.get("tag", "")), body
        self.equity = {name: value for name, value in self.equity.items() if name in self.sleeves}

    def _decided(self, event: Event, body: Mapping[str, Any]) -> None:
        name = str(body.get("sleeve", body["strategy"]))
        self.equity[name] = float(body["equity"])
        self.closes.update({symbol: float(price) for symbol, price in body["closes"].items()})
        self.last_close_ms = max(self.last_close_ms or 0, event.time_ms)
        self.tallies["decisions", name] += 1
        now = self.account_equity
        if now is not None:
            self.peak = max(self.peak, now)
            if event.time_ms // DAY_MS != self.day:
                self.day, self.day_open = event.time_ms // DAY_MS, now

    def _intended(self, event: Event, body: Mapping[str, Any]) -> None:
        self.orders[event.ref] = body
        self.tallies["orders", str(body["leg"])] += 1
        interval = self.interval_ms(str(body["strategy"]))
        if interval is not None and "sent_ms" in body:
            self.latencies_ms.append(float(body["sent_ms"]) - float(body["bar"]) - interval)

    def _ended(self, event: Event, body: Mapping[str, Any]) -> None:
        self.orders.pop(str(body.get("order_link_id", event.ref)), None)
        if event.kind == "rejected":
            self.tallies["rejects", str(body.get("by", "venue"))] += 1
        elif event.kind == "missed":
            self.tallies["missed", "entry" if "order_link_id" in body else "bars"] += 1

    def _executed(self, body: Mapping[str, Any]) -> None:
        if body["exec_type"] == "Funding":
            self.tallies["fills", "funding"] += 1
            return
        qty = Decimal(str(body["qty"])) * (1 if body["side"] == "Buy" else -1)
        held = self._held(str(body["symbol"]))
        held.trade(qty, Decimal(str(body["price"])))
        if body.get("leg") == "enter" and held.size != 0:
            held.stop_loss, held.take_profit = _price(body.get("stop_loss")), _price(body.get("take_profit"))
        self.tallies["fills", cause_of(body)] += 1
        self.last_fill = str(body["exec_id"])
        link = str(body["order_link_id"])
        order = self.orders.get(link)
        if order is not None:
            left = Decimal(str(order["qty"])) - abs(qty)
            if left > 0:
                self.orders[link] = {**order, "qty": str(left)}
            else:
                del self.orders[link]

    def _stops(self, body: Mapping[str, Any]) -> None:
        held = self._held(str(body["symbol"]))
        held.stop_loss, held.take_profit = _price(body.get("stop_loss")), _price(body.get("take_profit"))

    def _adopted(self, body: Mapping[str, Any]) -> None:
        size = Decimal(str(body["size"]))
        self.holdings[str(body["symbol"])] = Holding(size=size, entry=_price(body.get("entry_price")))
        self.orders = {link: order for link, order in self.orders.items() if order["symbol"] != body["symbol"]}

    def _changed(self, body: Mapping[str, Any]) -> None:
        symbol, state, reason = str(body.get("symbol", "")), str(body["state"]), str(body["reason"])
        if symbol and state == "ACTIVE":
            self.halted.pop(symbol, None)
        elif symbol:
            self.halted[symbol] = (state, reason)
        else:
            self.state, self.reason = state, "" if state == "ACTIVE" else reason
            if state == "ACTIVE":
                self.halted = {}
        if state == "HALTED" and "nobody can tell" in reason:
            self.tallies["unknown", "unsettled"] += 1


def cause_of(body: Mapping[str, Any]) -> str:
    """Return who made an execution: order, kill, stop, take-profit, liquidation, adl, settlement."""
    if body["exec_type"] in {"Settle", "Delivery"}:
        return "settlement"
    if body["exec_type"] == "AdlTrade":
        return "adl"
    created = str(body.get("create_type", ""))
    found = next((name for word, name in CAUSES if word in created), None)
    if found is not None or body["exec_type"] == "BustTrade":
        return found or "liquidation"
    return "kill" if str(body.get("order_link_id", "")).startswith("ak-") else "order"


def _price(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
