"""The position half of a symbol's state: fills, triggers, liquidation and funding."""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine import rules
from autarch.engine.jit import compiled, inlined
from autarch.engine.layout import (
    AT_OPEN,
    DECIDED,
    DRAINED,
    E_FEE,
    E_KIND,
    E_PHASE,
    E_POSITION,
    E_PRICE,
    E_QTY,
    E_RATE,
    E_REALISED,
    E_REFERENCE,
    E_SLIPPAGE,
    E_STEPS,
    ENTRY,
    FEES,
    FUNDING,
    FUNDING_PAID,
    INSIDE,
    LATCH,
    LIQUIDATED,
    LIQUIDATION,
    LIQUIDATION_GAP,
    N_EVENT,
    NOTHING,
    PENDING,
    POSITION,
    REALISED,
    SETTLED,
    STOP,
    STOP_OUT,
    TAKE,
    TAKE_PROFIT,
    TAKEN_BUY,
    TAKEN_SELL,
)
from autarch.engine.terms import (
    HALF_SPREAD,
    IMPACT_CAP,
    IMPACT_K,
    LEVERAGE,
    QTY_SCALE,
    QTY_UNIT,
    TAKER_FEE,
    TICK_SCALE,
    TICK_UNIT,
)
from autarch.market.types import Floats

TURNOVER_BARS: Final = 96
"""Bars whose median turnover stands for the market's depth (own choice: a day of 15m bars)."""


@compiled
def market_depth(turnover: Floats, closed: int, terms: Floats) -> float:
    """Return what impact is reckoned against in the bar after `closed` bars: their last 96's median turnover.

    0.0 when the cost model has no impact, since nobody will ask.
    """
    if terms[IMPACT_K] == 0.0:
        return 0.0
    return rules.median(turnover[max(0, closed - TURNOVER_BARS) : closed])


@compiled
def pay_funding(
    s: Floats, terms: Floats, tiers: Floats, rate: float, mark: float, phase: float, out: Floats, n: int
) -> int:
    """Settle one funding stamp on the position held at that instant; a flat symbol pays nothing."""
    if s[POSITION] == 0.0:
        return n
    qty = rules.to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
    payment = rules.funding_payment(qty, mark, rate)
    apply_funding(s, terms, tiers, payment)
    emit(out, n, FUNDING_PAID, phase, s[POSITION], qty, mark, mark)
    out[n, E_FEE] = payment
    out[n, E_POSITION] = qty
    out[n, E_RATE] = rate
    return n + 1


@compiled
def apply_funding(s: Floats, terms: Floats, tiers: Floats, payment: float) -> None:
    """Book a funding payment, quote; what an open position pays comes out of its isolated margin.

    The venue takes it from what the account has free and from the margin only after that; what is
    received is not added to the margin. Both liquidate no later than the venue would.
    """
    s[FUNDING] += payment
    if payment > 0.0 and s[POSITION] != 0.0:
        s[DRAINED] += payment
        s[LIQUIDATION] = _liquidation(s, terms, tiers)


@compiled
def settle_delisted(s: Floats, terms: Floats, tiers: Floats, close: float, out: Floats, n: int) -> int:
    """Close what is held when the venue delists the symbol, at its last price, for the taker fee."""
    if s[POSITION] == 0.0:
        return n
    return fill_market(s, terms, tiers, SETTLED, INSIDE, -s[POSITION], close, 0.0, np.nan, np.nan, out, n)


@compiled
def jumped_at_open(s: Floats, terms: Floats, tiers: Floats, open_: float, depth: float, out: Floats, n: int) -> int:
    """Fill a resting trigger that the open has reached or jumped, at the open; begins the bar's impact count.

    A liquidation price jumped closes at the bankruptcy price.
    """
    s[TAKEN_BUY] = 0.0
    s[TAKEN_SELL] = 0.0
    if s[POSITION] == 0.0:
        return n
    kind = _exit_kind(s, open_, open_)
    if kind == 0.0:
        return n
    _note_gap(s, open_)
    return _force_exit(s, terms, tiers, kind, AT_OPEN, open_, depth, out, n)


@compiled
def inside_bar(
    s: Floats,
    terms: Floats,
    tiers: Floats,
    open_: float,
    high: float,
    low: float,
    depth: float,
    out: Floats,
    n: int,
) -> int:
    """Meet stop, liquidation and take-profit within the bar, against its extremes of last price.

    Of stop and liquidation the nearer comes first, and either before the take-profit. A trigger
    armed where the open has already passed fills at the open.
    """
    if s[POSITION] == 0.0:
        return n
    side = rules.sign(s[POSITION])
    adverse = low if side > 0.0 else high
    kind = _exit_kind(s, adverse, high if side > 0.0 else low)
    reference = open_
    if kind == STOP_OUT and not rules.reached(-side, open_, s[STOP]):
        reference = s[STOP]
    elif kind == TAKE_PROFIT and not rules.reached(side, open_, s[TAKE]):
        reference = s[TAKE]
    _note_gap(s, reference if kind == STOP_OUT else adverse)
    if kind == 0.0:
        return n
    return _force_exit(s, terms, tiers, kind, INSIDE, reference, depth, out, n)


@compiled
def fill_market(
    s: Floats,
    terms: Floats,
    tiers: Floats,
    kind: float,
    phase: float,
    steps: float,
    reference: float,
    depth: float,
    stop: float,
    take: float,
    out: Floats,
    n: int,
) -> int:
    """Fill a market order of signed `steps` against `reference` and write one event.

    A reduce-only order must not exceed the position: the caller cuts it. `stop` and `take` are the
    distances an entry arms; ignored otherwise. Orders of one side at one open share the impact of
    their sum so far, so that splitting an order does not make it cheaper. `depth` as `market_depth`.
    What the venue itself closes slips no further than `reference`.
    """
    side = rules.sign(steps)
    qty = rules.to_value(abs(steps), terms[QTY_UNIT], terms[QTY_SCALE])
    notional = qty * reference
    if phase == AT_OPEN:
        taken = TAKEN_BUY if side > 0.0 else TAKEN_SELL
        s[taken] += notional
        notional = s[taken]
    slippage = 0.0
    if kind < LIQUIDATED:
        slippage = rules.slippage_frac(notional, depth, terms[HALF_SPREAD], terms[IMPACT_K], terms[IMPACT_CAP])
    price = rules.fill_price(reference, side, slippage, terms[TICK_UNIT], terms[TICK_SCALE])
    fee = qty * price * terms[TAKER_FEE]
    realised = apply_fill(s, terms, tiers, kind, steps, price, fee, stop, take)
    emit(out, n, kind, phase, steps, side * qty, price, reference)
    out[n, E_FEE] = fee
    out[n, E_SLIPPAGE] = qty * abs(price - reference)
    out[n, E_REALISED] = realised
    out[n, E_POSITION] = rules.to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
    return n + 1


@compiled
def apply_fill(
    s: Floats,
    terms: Floats,
    tiers: Floats,
    kind: float,
    steps: float,
    price: float,
    fee: float,
    stop: float,
    take: float,
) -> float:
    """Book one fill, whoever made it, and return the profit it realised, quote before the fee.

    Raising moves the average entry and re-arms both triggers at it with `stop` and `take`; lowering
    leaves them. A forced exit latches unless the newest decision already is zero or the other side.
    A fill that lowers must not cross zero: a flip is two fills.
    """
    position = s[POSITION]
    held = rules.sign(position)
    realised = 0.0
    if position * steps < 0.0:
        realised = held * rules.to_value(abs(steps), terms[QTY_UNIT], terms[QTY_SCALE]) * (price - s[ENTRY])
        s[DRAINED] *= (position + steps) / position
    else:
        held = rules.sign(steps)
        s[ENTRY] = price if position == 0.0 else rules.average_entry(position, s[ENTRY], steps, price)
        s[STOP] = rules.trigger_price(s[ENTRY], -held, stop, terms[TICK_UNIT], terms[TICK_SCALE])
        s[TAKE] = rules.trigger_price(s[ENTRY], held, take, terms[TICK_UNIT], terms[TICK_SCALE])
        s[PENDING] = NOTHING
    s[POSITION] = position + steps
    s[REALISED] += realised
    s[FEES] += fee
    if kind >= STOP_OUT:
        s[LATCH] = rules.latch_after(held, s[DECIDED])
    if s[POSITION] == 0.0:
        s[ENTRY] = s[STOP] = s[TAKE] = s[LIQUIDATION] = np.nan
    else:
        s[LIQUIDATION] = _liquidation(s, terms, tiers)
    return realised


@compiled
def own_equity(s: Floats, terms: Floats, close: float) -> float:
    """Return the symbol's part of sleeve equity beyond the capital: realised + unrealised - fees - funding."""
    qty = rules.to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
    return rules.equity_part(s[REALISED] - s[FEES] - s[FUNDING], qty, s[ENTRY], close)


@inlined
def _liquidation(s: Floats, terms: Floats, tiers: Floats) -> float:
    side = rules.sign(s[POSITION])
    qty = rules.to_value(abs(s[POSITION]), terms[QTY_UNIT], terms[QTY_SCALE])
    return rules.liquidation_price(qty, s[ENTRY], side, terms[LEVERAGE], terms[TAKER_FEE], tiers, s[DRAINED])


@inlined
def _exit_kind(s: Floats, adverse: float, favourable: float) -> float:
    side = rules.sign(s[POSITION])
    stopped = rules.reached(-side, adverse, s[STOP])
    liquidated = rules.reached(-side, adverse, s[LIQUIDATION])
    if stopped and (not liquidated or rules.stop_comes_first(side, s[STOP], s[LIQUIDATION])):
        return STOP_OUT
    if liquidated:
        return LIQUIDATED
    return TAKE_PROFIT if rules.reached(side, favourable, s[TAKE]) else 0.0


@compiled
def _force_exit(
    s: Floats,
    terms: Floats,
    tiers: Floats,
    kind: float,
    phase: float,
    reference: float,
    depth: float,
    out: Floats,
    n: int,
) -> int:
    if kind == LIQUIDATED:
        qty = rules.to_value(abs(s[POSITION]), terms[QTY_UNIT], terms[QTY_SCALE])
        reference = rules.bankruptcy_price(qty, s[ENTRY], rules.sign(s[POSITION]), terms[LEVERAGE], s[DRAINED])
    return fill_market(s, terms, tiers, kind, phase, -s[POSITION], reference, depth, np.nan, np.nan, out, n)


@inlined
def _note_gap(s: Floats, price: float) -> None:
    if np.isnan(s[LIQUIDATION]):
        return  # margin is shared: whoever looks at the account notes the distance
    side = rules.sign(s[POSITION])
    gap = max(0.0, side * (price - s[LIQUIDATION]) / price)
    s[LIQUIDATION_GAP] = min(s[LIQUIDATION_GAP], gap)


@inlined
def emit(
    out: Floats, n: int, kind: float, phase: float, steps: float, qty: float, price: float, reference: float
) -> None:
    """Write one event to row `n`; columns not named here start at zero."""
    for column in range(N_EVENT):
        out[n, column] = 0.0
    out[n, E_KIND] = kind
    out[n, E_PHASE] = phase
    out[n, E_STEPS] = steps
    out[n, E_QTY] = qty
    out[n, E_PRICE] = price
    out[n, E_REFERENCE] = reference
