"""One account's position in one perpetual: the engine's own functions, told in the exchange's terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np

from autarch.canonical import EpochMs
from autarch.engine import layout as at
from autarch.engine import rules
from autarch.engine.margin import worst_at_open, worst_inside
from autarch.engine.position import (
    apply_fill,
    fill_market,
    inside_bar,
    jumped_at_open,
    own_equity,
    pay_funding,
    settle_delisted,
)
from autarch.engine.state import new_state
from autarch.engine.terms import LEVERAGE
from autarch.market.types import Floats
from live.lines import to_decimal
from live.simulator.core.contract import Contract

DEFAULT_LEVERAGE = Decimal(10)
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One fill of a position. `kind` as in `autarch.engine.layout`; `steps` signed, `closed` those that lowered."""

    kind: float
    steps: float
    closed: float
    price: float
    fee: float
    realised: float


class Holding:
    """A position, flat to begin with, and the triggers that protect it.

    What is told of it is computed once for each of its states: a venue tells it several times an order.
    """

    def __init__(self, contract: Contract, leverage: Decimal = DEFAULT_LEVERAGE) -> None:
        """Hold nothing at `leverage`."""
        self.contract = contract
        self.state = new_state()
        self.leverage = leverage
        self.created_ms = EpochMs(0)
        self.shares = False
        self._terms = contract.at_leverage(leverage)
        self._out = np.empty((at.EVENTS_A_BAR, at.N_EVENT))
        self._known: dict[tuple[str, float], Any] = {}

    def list_as(self, contract: Contract) -> None:
        """Go on under changed filters; the position stays what it is in coins.

        Raises:
            ValueError: the position is not a multiple of the new step.
        """
        coins = self.qty
        if not contract.is_on_step(coins):
            raise ValueError(f"{contract.symbol}: {coins} is not a multiple of {contract.instrument.qty_step}")
        self.contract = contract
        self.state[at.POSITION] = contract.steps(coins)
        self._stand()

    def set_leverage(self, leverage: Decimal) -> None:
        """Take another leverage; an open position's margin and liquidation move with it."""
        self.leverage = leverage
        self._stand()

    def share(self, *, shares: bool) -> None:
        """Stand behind a margin that all positions of the account share, or behind its own again."""
        self.shares = shares
        self._stand()

    @property
    def terms(self) -> Floats:
        """The engine's terms vector that the position stands under."""
        return self._terms

    @property
    def is_open(self) -> bool:
        """Return whether anything is held."""
        return bool(self.state[at.POSITION] != 0.0)

    @property
    def qty(self) -> Decimal:
        """Signed coins."""
        return self._once("qty", lambda: self.contract.qty(self.state[at.POSITION]))

    @property
    def entry(self) -> Decimal | None:
        """Average entry price."""
        return self._once("entry", lambda: _price(self.state[at.ENTRY]))

    @property
    def stop_loss(self) -> Decimal | None:
        """The stop's trigger."""
        return self._once("stop_loss", lambda: _price(self.state[at.STOP]))

    @property
    def take_profit(self) -> Decimal | None:
        """The take-profit's trigger."""
        return self._once("take_profit", lambda: _price(self.state[at.TAKE]))

    @property
    def liq_price(self) -> Decimal | None:
        """The price at which the venue takes over."""
        return self._once("liq_price", lambda: _price(self.state[at.LIQUIDATION]))

    @property
    def bust_price(self) -> Decimal | None:
        """The price at which the margin is gone."""
        return self._once("bust_price", self._bust) if self.is_open and not self.shares else None

    @property
    def realised(self) -> Decimal:
        """Realised profit less fees and funding since the account was opened, USDT."""
        state = self.state
        return self._once("realised", lambda: to_decimal(state[at.REALISED] - state[at.FEES] - state[at.FUNDING]))

    def unrealised(self, price: float) -> Decimal:
        """Open profit at `price`, USDT."""
        if not self.is_open:
            return Decimal(0)
        return self._once(
            "unrealised", lambda: to_decimal(own_equity(self.state, self._terms, price)) - self.realised, of=price
        )

    def margins(self, mark: float) -> tuple[Decimal, Decimal]:
        """Return initial and maintenance margin at `mark`, USDT, each with the fee to close at bankruptcy."""
        return self._once("margins", lambda: self._margins(mark), of=mark) if self.is_open else (Decimal(0), Decimal(0))

    def _margins(self, mark: float) -> tuple[Decimal, Decimal]:
        bust = self.bust_price
        size, fee = abs(self.qty), self.contract.instrument.taker_fee
        value = size * to_decimal(mark)
        to_close = (value if bust is None else size * bust) * fee
        kept = to_decimal(rules.maintenance(float(value), 0.0, self.contract.tiers))
        return value / self.leverage + to_close, kept + to_close

    def _bust(self) -> Decimal:
        return to_decimal(
            rules.bankruptcy_price(
                abs(self._coins()),
                float(self.state[at.ENTRY]),
                rules.sign(self.state[at.POSITION]),
                float(self.leverage),
                float(self.state[at.DRAINED]),
            )
        )

    def _once(self, name: str, compute: Callable[[], Told], *, of: float = 0.0) -> Told:
        """Return what is known of this state under a name and a price, computed when it is not known yet."""
        key = (name, of)
        if key not in self._known:
            self._known[key] = compute()
        found: Told = self._known[key]
        return found

    def set_triggers(self, *, stop_loss: Decimal | None, take_profit: Decimal | None) -> None:
        """Protect the position by these prices; None takes one away."""
        self.state[at.STOP] = math.nan if stop_loss is None else float(stop_loss)
        self.state[at.TAKE] = math.nan if take_profit is None else float(take_profit)
        self._known.clear()

    def fill_taker(self, steps: float, reference: float, depth: float, *, at_open: bool) -> list[Filled]:
        """Fill a market order of signed `steps` whole; one that crosses zero is two fills.

        The triggers that protect the position stay as they are: the venue moves them only when told to.
        """
        return [self._taker(kind, part, reference, depth, at_open=at_open) for kind, part in self._parts(steps)]

    def taker_price(self, steps: float, reference: float, depth: float, *, at_open: bool) -> float:
        """Return the price at which `fill_taker` would fill the whole order, without filling it."""
        before = self.state.copy()
        filled = self.fill_taker(steps, reference, depth, at_open=at_open)
        self.state[:] = before
        self._known.clear()
        return filled[-1].price

    def fill_maker(self, steps: float, price: float) -> list[Filled]:
        """Fill a resting limit order at its own price, for the maker fee."""
        filled = []
        for kind, part in self._parts(steps):
            fee = abs(self.contract.coins(part)) * price * float(self.contract.instrument.maker_fee)
            filled.append(self._booked(kind, part, price, fee))
        return filled

    def force(self, kind: float, steps: float, price: float, *, fee_rate: float) -> Filled:
        """Book a close that nobody ordered, at exactly `price`: deleveraging, or a settlement."""
        fee = abs(self.contract.coins(steps)) * price * fee_rate
        return self._booked(kind, steps, price, fee)

    def jump(self, price: float, depth: float) -> Filled | None:
        """Meet the triggers at a bar's open; begins the bar's count for impact."""
        self._known.clear()
        count = jumped_at_open(self.state, self._terms, self.contract.tiers, price, depth, self._out, 0)
        return self._event(0) if count else None

    def sweep(self, open_: float, high: float, low: float, depth: float) -> Filled | None:
        """Meet the triggers between a bar's extremes, or at one trade when all three are its price."""
        self._known.clear()
        count = inside_bar(self.state, self._terms, self.contract.tiers, open_, high, low, depth, self._out, 0)
        return self._event(0) if count else None

    def worst(self, open_: float, high: float, low: float, *, at_open: bool) -> float:
        """Return the worst price at which the position can still be held at an open, or between extremes."""
        return worst_at_open(self.state, open_) if at_open else worst_inside(self.state, open_, high, low)

    def taken_over(self, state: Floats, event: Floats) -> Filled:
        """Be what a takeover of the whole account has left of it, and return the fill."""
        self.state[:] = state
        self._out[0] = event
        self._known.clear()
        return self._event(0)

    def settle(self, price: float) -> Filled | None:
        """Close what is held as a delisting does; None when flat."""
        self._known.clear()
        count = settle_delisted(self.state, self._terms, self.contract.tiers, price, self._out, 0)
        return self._event(0) if count else None

    def fund(self, rate: float, mark: float, *, at_open: bool) -> float | None:
        """Settle funding and return what was paid, USDT; None when flat."""
        phase = at.AT_OPEN if at_open else at.INSIDE
        self._known.clear()
        count = pay_funding(self.state, self._terms, self.contract.tiers, rate, mark, phase, self._out, 0)
        return float(self._out[0, at.E_FEE]) if count else None

    def _coins(self) -> float:
        return self.contract.coins(self.state[at.POSITION])

    def _parts(self, steps: float) -> list[tuple[float, float]]:
        held = float(self.state[at.POSITION])
        lowers = math.copysign(min(abs(held), abs(steps)), steps) if held * steps < 0.0 else 0.0
        parts = [(at.CLOSE if abs(lowers) == abs(held) else at.REDUCE, lowers)] if lowers else []
        rest = steps - lowers
        return [*parts, (at.ENTRY_FILL, rest)] if rest else parts

    def _taker(self, kind: float, steps: float, reference: float, depth: float, *, at_open: bool) -> Filled:
        stop, take = self.state[at.STOP], self.state[at.TAKE]
        fill_market(
            self.state,
            self._terms,
            self.contract.tiers,
            kind,
            at.AT_OPEN if at_open else at.INSIDE,
            steps,
            reference,
            depth,
            math.nan,
            math.nan,
            self._out,
            0,
        )
        self._keep_triggers(stop, take)
        return self._event(0)

    def _booked(self, kind: float, steps: float, price: float, fee: float) -> Filled:
        stop, take = self.state[at.STOP], self.state[at.TAKE]
        realised = apply_fill(self.state, self._terms, self.contract.tiers, kind, steps, price, fee, math.nan, math.nan)
        self._keep_triggers(stop, take)
        closed = steps if kind != at.ENTRY_FILL else 0.0
        return Filled(kind=kind, steps=steps, closed=closed, price=price, fee=fee, realised=realised)

    def _keep_triggers(self, stop: float, take: float) -> None:
        self._known.clear()
        if self.is_open:
            self.state[at.STOP], self.state[at.TAKE] = stop, take
        self.state[at.LATCH] = 0.0  # a latch is the executor's; the venue knows none

    def _stand(self) -> None:
        """Stand under the leverage and the margin that are set, and liquidate where they say."""
        self._terms = self.contract.at_leverage(self.leverage)
        if self.shares:
            self._terms[LEVERAGE] = math.nan
        if self.is_open:
            self._refresh()
        self._known.clear()

    def _refresh(self) -> None:
        self.state[at.LIQUIDATION] = rules.liquidation_price(
            abs(self._coins()),
            float(self.state[at.ENTRY]),
            rules.sign(self.state[at.POSITION]),
            float(self._terms[LEVERAGE]),
            float(self.contract.instrument.taker_fee),
            self.contract.tiers,
            float(self.state[at.DRAINED]),
        )

    def _event(self, row: int) -> Filled:
        event = self._out[row]
        kind, steps = float(event[at.E_KIND]), float(event[at.E_STEPS])
        self.state[at.LATCH] = 0.0
        return Filled(
            kind=kind,
            steps=steps,
            closed=steps if kind != at.ENTRY_FILL else 0.0,
            price=float(event[at.E_PRICE]),
            fee=float(event[at.E_FEE]),
            realised=float(event[at.E_REALISED]),
        )


def _price(value: float) -> Decimal | None:
    return None if math.isnan(value) else to_decimal(value)


def warm_up(contract: Contract) -> None:
    """Compile every function that a holding calls, so that no order waits for it."""
    holding = Holding(contract)
    holding.taker_price(1.0, 1.0, 0.0, at_open=True)
    holding.fill_taker(2.0, 1.0, 0.0, at_open=False)
    holding.fill_maker(1.0, 1.0)
    holding.fund(0.0, 1.0, at_open=True)
    holding.set_leverage(contract.max_leverage)
    holding.margins(1.0)
    holding.unrealised(1.0)
    holding.jump(1.0, 0.0)
    holding.sweep(1.0, 1.0, 1.0, 0.0)
    holding.worst(1.0, 1.0, 1.0, at_open=True)
    holding.worst(1.0, 1.0, 1.0, at_open=False)
    holding.force(at.REDUCE, -1.0, 1.0, fee_rate=0.0)
    holding.settle(1.0)
