"""What an executor knows of its account: a fold over journal events, the same live and after a restart.

Nothing else changes it. A decision, a plan and a fill go through the engine's own functions, so that
wanted quantities, orders and equity are the backtest's to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine.state import apply_fill, apply_funding, new_state, on_decision, own_equity, plan_orders
from autarch.market.types import Floats
from live.lines import Line, to_decimal
from live.orders import Leg, RiskGate
from live.venue.port import Execution

_LEGS: dict[float, Leg] = {at.CLOSE: "close", at.REDUCE: "reduce", at.ENTRY_FILL: "enter"}
_FORCED = {
    "CreateByStopLoss": at.STOP_OUT,
    "CreateByTakeProfit": at.TAKE_PROFIT,
    "CreateByLiq": at.LIQUIDATED,
    "CreateBySettle": at.SETTLED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One order the state functions ask for; `steps` signed. Distances are the decision's, NaN for none."""

    line: Line
    leg: Leg
    part: int
    bar: EpochMs
    steps: float
    stop: float
    take: float


@dataclass(slots=True, kw_only=True)
class SleeveState:
    """One strategy's positions and money. `capital` in USDT; `closes` the newest close seen by symbol."""

    strategy: str
    lines: tuple[Line, ...]
    capital: float
    states: dict[str, Floats] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    decided_bar: EpochMs | None = None
    ruined: bool = False

    def __post_init__(self) -> None:
        """Start flat."""
        self.states = {line.symbol: new_state() for line in self.lines}

    def equity(self, closes: Mapping[str, float]) -> float:
        """Return capital + own fills, fees and funding at these closes, summed in the manifest's order."""
        equity = self.capital
        for line in self.lines:
            equity += own_equity(self.states[line.symbol], line.terms, closes[line.symbol])
        return float(equity)


@dataclass(slots=True, kw_only=True)
class AccountState:
    """All sleeves of one account, its limits at work, and the orders in flight."""

    sleeves: dict[str, SleeveState]
    gate: RiskGate
    in_flight: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    opener: dict[str, str] = field(default_factory=dict)
    last_seq: int = 0
    last_exec_id: str = ""
    _owners: dict[str, tuple[SleeveState, Line]] = field(init=False)

    def __post_init__(self) -> None:
        """Note which sleeve trades which symbol; one symbol belongs to one sleeve."""
        self._owners = {line.symbol: (sleeve, line) for sleeve in self.sleeves.values() for line in sleeve.lines}

    def owner(self, symbol: str) -> tuple[SleeveState, Line]:
        """Return the sleeve that trades `symbol`, and its line; KeyError when none does."""
        return self._owners[symbol]

    def equity(self) -> float:
        """Return the sum of the sleeves' equities at the newest closes, plus the capital no sleeve has."""
        given = sum(sleeve.capital for sleeve in self.sleeves.values())
        own = sum(sleeve.equity(sleeve.closes) if sleeve.closes else sleeve.capital for sleeve in self.sleeves.values())
        return float(self.gate.capital) - given + own

    def gross(self) -> float:
        """Return the sum of |notional| over all symbols at the newest closes, USDT."""
        return sum(
            abs(line.coins(sleeve.states[line.symbol][at.POSITION])) * sleeve.closes[line.symbol]
            for sleeve in self.sleeves.values()
            for line in sleeve.lines
            if line.symbol in sleeve.closes
        )

    def position(self, symbol: str) -> Decimal:
        """Return our signed position in coins."""
        sleeve, line = self.owner(symbol)
        return line.qty(sleeve.states[symbol][at.POSITION])

    def apply(self, kind: str, time_ms: EpochMs, body: Mapping[str, Any]) -> list[Planned]:
        """Take one event; a plan returns the orders it asks for, everything else nothing."""
        if kind == "decision":
            self._decide(time_ms, body)
        elif kind == "execution":
            self._book(body)
        elif kind == "plan":
            return self._plan(body)
        elif kind == "intent":
            self.in_flight[body["order_link_id"]] = self.unanswered[body["order_link_id"]] = body
            self.gate.note_sent(time_ms)
        elif kind in {"ack", "rejected"}:
            self.unanswered.pop(body["order_link_id"], None)
        elif kind == "state" and body["by"] != "limits":
            self.gate.state, self.gate.reason, self.gate.latched = body["state"], body["reason"], True
        return []

    def skips_of(self, symbols: Sequence[str], traded: Mapping[str, bool]) -> dict[str, Any]:
        """Return the body of a plan event: what would be skipped, by symbol; the state stays as it is."""
        shown: dict[str, Any] = {}
        for symbol in symbols:
            sleeve, line = self.owner(symbol)
            _, out, used = _planned(sleeve.states[symbol].copy(), line, traded=traded[symbol])
            shown[symbol] = {
                "traded": traded[symbol],
                "skipped": [
                    {"reason": at.KIND_NAMES[int(row[at.E_KIND])], "qty": str(line.qty(row[at.E_STEPS]))}
                    for row in out[:used]
                ],
            }
        return shown

    def pending(self, symbols: Sequence[str]) -> list[str]:
        """Return those of `symbols` that have something to plan."""
        return [s for s in symbols if self.owner(s)[0].states[s][at.PENDING] != at.NOTHING]

    def _decide(self, time_ms: EpochMs, body: Mapping[str, Any]) -> None:
        sleeve = self.sleeves[body["strategy"]]
        sleeve.decided_bar = EpochMs(body["bar"])
        sleeve.closes = dict(body["closes"])
        sleeve.ruined = sleeve.ruined or body["equity"] <= 0.0
        self.gate.mark(to_decimal(self.equity()), time_ms)
        for line in sleeve.lines:
            wanted = body["symbols"].get(line.symbol)
            if wanted is None:
                continue
            exposure = 0.0 if sleeve.ruined or self.gate.latched else float(wanted["exposure"])
            on_decision(
                sleeve.states[line.symbol],
                line.terms,
                exposure,
                _number(wanted["stop_loss"]),
                _number(wanted["take_profit"]),
                float(body["equity"]),
                float(sleeve.closes[line.symbol]),
            )

    def _plan(self, body: Mapping[str, Any]) -> list[Planned]:
        planned: list[Planned] = []
        for symbol, shown in body["symbols"].items():
            sleeve, line = self.owner(symbol)
            if sleeve.decided_bar is None:
                raise ValueError(f"{sleeve.strategy} plans before it has decided anything")
            state = sleeve.states[symbol]
            stop, take = float(state[at.STOP_DISTANCE]), float(state[at.TAKE_DISTANCE])
            orders, _, _ = _planned(state, line, traded=shown["traded"])
            for part, (kind, steps) in enumerate(orders):
                planned.append(
                    Planned(
                        line=line,
                        leg=_LEGS[int(kind)],
                        part=part,
                        bar=sleeve.decided_bar,
                        steps=float(steps),
                        stop=stop,
                        take=take,
                    )
                )
        return planned

    def _book(self, body: Mapping[str, Any]) -> None:
        self.last_seq, self.last_exec_id = int(body["seq"]), body["exec_id"]
        sleeve, line = self.owner(body["symbol"])
        state = sleeve.states[line.symbol]
        fee = float(body["fee"])
        if body["exec_type"] == "Funding":
            apply_funding(state, line.terms, line.tiers, fee)
            return
        steps = line.steps(Decimal(body["qty"])) * (1.0 if body["side"] == "Buy" else -1.0)
        kind = _FORCED.get(body["create_type"], at.ENTRY_FILL)
        intent = self.in_flight.get(body["order_link_id"])
        stop = take = np.nan
        if intent is not None and intent["leg"] == "enter":
            stop, take = _number(intent["stop_loss_frac"]), _number(intent["take_profit_frac"])
            self.opener[line.symbol] = body["order_link_id"]
        apply_fill(state, line.terms, line.tiers, kind, steps, float(body["price"]), fee, stop, take)


def execution_body(execution: Execution, *, opened_by: str) -> dict[str, object]:
    """Return the journal's body of an execution. `opened_by`: the entry behind a stop, take-profit or funding."""
    return {
        "seq": execution.seq,
        "exec_id": execution.exec_id,
        "exec_type": execution.exec_type,
        "create_type": execution.create_type,
        "symbol": execution.symbol,
        "side": execution.side,
        "order_link_id": execution.order_link_id,
        "opened_by": opened_by,
        "qty": str(execution.exec_qty),
        "price": str(execution.exec_price),
        "fee": str(execution.exec_fee),
    }


def _planned(state: Floats, line: Line, *, traded: bool) -> tuple[Floats, Floats, int]:
    orders, out = np.empty((at.ORDERS_MAX, 2)), np.empty((at.EVENTS_A_BAR, at.N_EVENT))
    count, used = plan_orders(state, line.terms, traded, orders, out, 0)
    return orders[:count], out, used


def _number(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)
