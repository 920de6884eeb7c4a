"""One margin for all positions of an account (cross): when it is used up, and at which prices it ends.

The venue compares the account's equity with what all its positions must keep. Of a bar only extremes
are known, so every position is taken at the worst price at which it can still be held, all at one
instant: its adverse extreme, or its stop where that is nearer. Positions do not lose together in
truth; the account is therefore liquidated no later than it would be.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

import numpy as np

from autarch.engine import rules
from autarch.engine.jit import compiled, internal
from autarch.engine.layout import (
    AT_OPEN,
    DECIDED_CLOSE,
    E_SYMBOL,
    ENTRY,
    FEES,
    FRESH,
    FUNDING,
    LIQUIDATED,
    LIQUIDATION_GAP,
    NOTHING,
    PENDING,
    POSITION,
    REALISED,
    SKIP_NO_MARGIN,
    STOP,
    WANTED,
)
from autarch.engine.position import emit, fill_market
from autarch.engine.terms import QTY_SCALE, QTY_UNIT, TAKER_FEE
from autarch.market.types import Floats


@compiled
def worst_at_open(s: Floats, open_: float) -> float:
    """Return the price at which a position meets an open: the open, or a nearer stop that it has jumped."""
    if rules.reached(-rules.sign(s[POSITION]), open_, s[STOP]):
        return float(s[STOP])
    return open_


@compiled
def worst_inside(s: Floats, open_: float, high: float, low: float) -> float:
    """Return the worst price at which a position can still be held within a bar."""
    if s[POSITION] > 0.0:
        return max(low, min(s[STOP], open_)) if s[STOP] > low else low
    return min(high, max(s[STOP], open_)) if s[STOP] < high else high


@internal
def equity_at(states: Floats, terms: Floats, prices: Floats, capital: float) -> float:
    """Return the account's equity with every position marked at `prices` (m,), summed in column order."""
    equity = capital
    for j in range(states.shape[0]):
        s = states[j]
        qty = rules.to_value(s[POSITION], terms[j, QTY_UNIT], terms[j, QTY_SCALE])
        equity += rules.equity_part(s[REALISED] - s[FEES] - s[FUNDING], qty, s[ENTRY], prices[j])
    return equity


@compiled
def is_called(states: Floats, terms: Floats, tiers: Floats, prices: Floats, capital: float) -> bool:
    """Return whether the account is liquidated at `prices` (m,); note the distance on what is held if not.

    It is when its equity is at or below the sum of maintenance margins, each by the tier of the
    position's value, and of the fees to close (Bybit: account maintenance margin rate of 100 %). The
    distance is what is left above that, over the value of all positions: the fraction by which every
    price may move on against the account.
    """
    kept, value = 0.0, 0.0
    for j in range(states.shape[0]):
        if states[j, POSITION] != 0.0:
            own = abs(rules.to_value(states[j, POSITION], terms[j, QTY_UNIT], terms[j, QTY_SCALE])) * prices[j]
            kept += rules.maintenance(own, terms[j, TAKER_FEE], tiers[j])
            value += own
    if value == 0.0:
        return False
    gap = max(0.0, (equity_at(states, terms, prices, capital) - kept) / value)
    for j in range(states.shape[0]):
        if states[j, POSITION] != 0.0:
            states[j, LIQUIDATION_GAP] = min(states[j, LIQUIDATION_GAP], gap)
    return gap == 0.0


@compiled
def take_over(
    states: Floats,
    terms: Floats,
    tiers: Floats,
    worst: Floats,
    last: Floats,
    capital: float,
    phase: float,
    out: Floats,
    n: int,
) -> int:
    """Close every position at the prices where the account has nothing left, and drop what was planned.

    These are found on the way from the `last` prices (m,) at which the account stood to the `worst`
    (m,) where it fell: the point of that line where equity is zero, or, when it is not even zero at the
    end, the worst prices moved on against each position by the same fraction. The venue bears what lies
    beyond, as it keeps what a real liquidation would have left. Fees and ticks are on top.
    """
    before, after = equity_at(states, terms, last, capital), equity_at(states, terms, worst, capital)
    value = 0.0
    for j in range(states.shape[0]):
        value += abs(rules.to_value(states[j, POSITION], terms[j, QTY_UNIT], terms[j, QTY_SCALE])) * worst[j]
    for j in range(states.shape[0]):
        s = states[j]
        first = n
        if s[PENDING] == FRESH:
            n = _drop(s, terms[j], out, n)
        s[PENDING] = NOTHING
        if s[POSITION] != 0.0:
            if after >= 0.0:
                price = worst[j] * (1.0 - rules.sign(s[POSITION]) * after / value)
            else:
                price = last[j] + max(0.0, before) / (max(0.0, before) - after) * (worst[j] - last[j])
            n = fill_market(s, terms[j], tiers[j], LIQUIDATED, phase, -s[POSITION], price, 0.0, np.nan, np.nan, out, n)
        for event in range(first, n):
            out[event, E_SYMBOL] = j
    return n


@internal
def _drop(s: Floats, terms: Floats, out: Floats, n: int) -> int:
    higher = rules.raising(s[POSITION], s[WANTED])
    if higher == 0.0:
        return n
    qty = rules.to_value(higher, terms[QTY_UNIT], terms[QTY_SCALE])
    emit(out, n, SKIP_NO_MARGIN, AT_OPEN, higher, qty, s[DECIDED_CLOSE], s[DECIDED_CLOSE])
    return n + 1
