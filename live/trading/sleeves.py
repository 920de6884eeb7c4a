"""One sleeve's books, and the orders its state asks for: values and small state, moved only by `books`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine.state import new_state, own_equity, plan_orders, state_from_json, state_to_json
from autarch.market.types import Floats
from live.lines import Line
from live.orders import Leg, OrderName
from live.trading.release import SleeveTerms

LEGS: dict[float, Leg] = {at.CLOSE: "close", at.REDUCE: "reduce", at.ENTRY_FILL: "enter"}
ENTRY_DEADLINE_MS = 20_000
NEVER = EpochMs(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One order the state asks for, not written down yet.

    `steps` are signed; `stop` and `take` are distances, None for none. An entry is sent until `due_ms` or never;
    one that `flips` only once the venue reads flat.
    """

    link: str
    key: str
    symbol: str
    leg: Leg
    part: int
    attempt: int
    bar: EpochMs
    due_ms: EpochMs
    steps: float
    stop: float | None
    take: float | None
    flips: bool = False

    def to_json(self) -> dict[str, object]:
        """Return it as a journal holds it."""
        return {name: getattr(self, name) for name in self.__slots__}

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> Planned:
        """Return what `to_json` wrote."""
        return Planned(**{**fields, "steps": float(fields["steps"])})


@dataclass(slots=True, kw_only=True)
class InFlight:
    """An order that was written down and is not known to have ended. `body` is its intent's."""

    body: Mapping[str, Any]
    sent_ms: EpochMs
    taken: bool = False
    filled: Decimal = Decimal(0)

    @property
    def left(self) -> Decimal:
        """Coins that may still fill."""
        return Decimal(self.body["qty"]) - self.filled

    @property
    def is_entry(self) -> bool:
        """Return whether it opens or raises a position."""
        return bool(self.body["leg"] == "enter")

    def to_json(self) -> dict[str, object]:
        """Return it as a journal holds it."""
        return {"body": dict(self.body), "sent_ms": self.sent_ms, "taken": self.taken, "filled": str(self.filled)}

    @staticmethod
    def from_json(fields: Mapping[str, Any]) -> InFlight:
        """Return what `to_json` wrote."""
        return InFlight(
            body=fields["body"],
            sent_ms=fields["sent_ms"],
            taken=fields["taken"],
            filled=Decimal(fields["filled"]),
        )


@dataclass(slots=True, kw_only=True)
class SleeveBook:
    """One sleeve's positions and money.

    `closes`: newest close seen by symbol. `asked`: exposure the strategy last asked for, whatever was done about it.
    """

    key: str
    terms: SleeveTerms
    states: dict[str, Floats] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    decided_bar: EpochMs | None = None
    ruined: bool = False
    lines: dict[str, Line] = field(init=False)

    def __post_init__(self) -> None:
        """Start flat."""
        self.lines = {line.symbol: line for line in self.terms.lines}
        self.states = {symbol: new_state() for symbol in self.lines}

    def equity(self, closes: Mapping[str, float]) -> float:
        """Return capital + own fills, fees and funding at these closes, summed in the manifest's order."""
        equity = self.terms.capital
        for line in self.terms.lines:
            equity += own_equity(self.states[line.symbol], line.terms, closes[line.symbol])
        return float(equity)

    def gross(self) -> float:
        """Return the sum of |notional| at the newest closes, USDT."""
        return sum(
            abs(line.coins(self.states[symbol][at.POSITION])) * self.closes[symbol]
            for symbol, line in self.lines.items()
            if symbol in self.closes
        )

    def next_close_ms(self) -> EpochMs | None:
        """Return the close of the bar that is decided on next; None before the first decision."""
        if self.decided_bar is None:
            return None
        return EpochMs(self.decided_bar + 2 * self.interval_ms)

    @property
    def interval_ms(self) -> int:
        """Length of its bars."""
        return self.terms.lines[0].interval_ms

    @property
    def deadline_ms(self) -> int:
        """How long after a close its entries may still be sent."""
        return entry_deadline_ms(self.interval_ms)

    def to_json(self) -> dict[str, object]:
        """Return it as a journal holds it."""
        return {
            "closes": dict(self.closes),
            "asked": dict(self.asked),
            "decided_bar": self.decided_bar,
            "ruined": self.ruined,
            "states": {symbol: state_to_json(state) for symbol, state in self.states.items()},
        }

    def take(self, carried: Mapping[str, Mapping[str, Any]], takes: Mapping[str, str] | None = None) -> None:
        """Take what sleeves of a journal held: its own, or symbol by symbol that of the key in `takes`."""
        takes = takes or {}
        own = carried.get(self.key)
        if own is not None:
            self.decided_bar, self.ruined = own["decided_bar"], own["ruined"]
            self.asked = {symbol: float(value) for symbol, value in own["asked"].items() if symbol in self.lines}
        for symbol in self.lines:
            source = carried.get(takes.get(symbol, self.key))
            if source is None or symbol not in source["states"]:
                continue
            self.states[symbol] = state_from_json(source["states"][symbol])
            if symbol in source["closes"]:
                self.closes[symbol] = float(source["closes"][symbol])
            if self.decided_bar is None:
                self.decided_bar = source["decided_bar"]


def entry_deadline_ms(interval_ms: int) -> int:
    """Return how long after a bar's close its entries may still be sent: min(20 s, interval / 10)."""
    return min(ENTRY_DEADLINE_MS, interval_ms // 10)


def orders_of(state: Floats, line: Line, *, traded: bool) -> tuple[Floats, Floats]:
    """Return the orders (n, 2) of kind and signed steps that `state` asks for, moving it, and the skips."""
    orders, out = np.empty((at.ORDERS_MAX, 2)), np.empty((at.EVENTS_A_BAR, at.N_EVENT))
    count, used = plan_orders(state, line.terms, traded, orders, out, 0)
    return orders[:count], out[:used]


def planned_of(book: SleeveBook, symbol: str, *, account: str, traded: bool, attempt: int) -> list[Planned]:
    """Move the state of `symbol` by one plan and return its orders."""
    if book.decided_bar is None:
        raise ValueError(f"{book.key} plans before it has decided anything")
    state, line, bar = book.states[symbol], book.lines[symbol], book.decided_bar
    stop, take = _present(state[at.STOP_DISTANCE]), _present(state[at.TAKE_DISTANCE])
    orders, _ = orders_of(state, line, traded=traded)
    due = EpochMs(bar + book.interval_ms + entry_deadline_ms(book.interval_ms))
    planned: list[Planned] = []
    for part, (kind, steps) in enumerate(orders.tolist()):
        leg = LEGS[int(kind)]
        if leg == "enter" and book.terms.mode != "trade":
            continue
        name = OrderName(
            account=account,
            strategy=book.terms.strategy,
            symbol=symbol,
            bar=bar,
            leg=leg,
            part=part,
            attempt=attempt,
        )
        planned.append(
            Planned(
                link=name.order_link_id,
                key=book.key,
                symbol=symbol,
                leg=leg,
                part=part,
                attempt=attempt,
                bar=bar,
                due_ms=due,
                steps=steps,
                stop=stop if leg == "enter" else None,
                take=take if leg == "enter" else None,
                flips=leg == "enter" and planned != [] and planned[0].leg == "close",
            )
        )
    return planned


def _present(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
