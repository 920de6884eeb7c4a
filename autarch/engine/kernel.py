"""One pass over all bars of all symbols of a sleeve, on one equity.

The rules live in `rules`, `decision` and `position`; this module only plays them in the order that
`autarch.engine.state` writes down, bar by bar and symbol by symbol.

Its arrays, of n bars, m symbols and k funding stamps: ts (n,) bar opens, epoch ms; opens, highs, lows,
closes and turnover (m, n) in quote, traded (m, n); stamps (k,) in epoch ms of all symbols one after
another, each ascending, with their rates and marks (mark prices), and offsets (m + 1,) where each symbol's
begin; wanted (n, m) exposures, or signed coins when `in_coins`; stops and takes (n, m) distances, NaN for
none; terms (m, N_TERMS); tiers (m, n_tiers, 3).
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.decision import on_decision, on_wanted_quantity
from autarch.engine.jit import compiled, inlined
from autarch.engine.layout import (
    AT_OPEN,
    DECIDED,
    E_KIND,
    E_ROW,
    E_SYMBOL,
    E_TIME,
    ENTRY,
    EVENTS_A_BAR,
    FEES,
    FUNDING,
    FUNDING_PAID,
    INSIDE,
    LIQUIDATION,
    LIQUIDATION_GAP,
    N_EVENT,
    N_STATE,
    NOTHING,
    ORDERS_MAX,
    PENDING,
    POSITION,
    REALISED,
    STOP,
    STOP_DISTANCE,
    TAKE,
    TAKE_DISTANCE,
)
from autarch.engine.position import inside_bar, pay_funding
from autarch.engine.rules import differs, equity_part, reached, sign, to_value
from autarch.engine.state import open_bar
from autarch.engine.terms import QTY_SCALE, QTY_UNIT
from autarch.market.types import Bools, Floats, Ints

TURNOVER_BARS: Final = 96
"""Bars whose median turnover stands for the market's depth (DESIGN's rule; a day of 15m bars)."""

_LOG_ROWS: Final = 4096


@compiled
def play(
    ts: Ints,
    interval_ms: int,
    opens: Floats,
    highs: Floats,
    lows: Floats,
    closes: Floats,
    turnover: Floats,
    traded: Bools,
    stamps: Ints,
    rates: Floats,
    marks: Floats,
    offsets: Ints,
    wanted: Floats,
    stops: Floats,
    takes: Floats,
    in_coins: bool,  # noqa: FBT001  compiled code has positional arguments only
    terms: Floats,
    tiers: Floats,
    capital: float,
) -> tuple[Floats, Floats, Floats, Floats, int]:
    """Play every bar from `capital` in quote and return what happened; the module tells the arrays' shapes.

    Returns:
        equity (n,), exposure (n, m) at close (NaN while equity is not positive), events
        (n_events, N_EVENT), states (m, N_STATE), and the row of ruin or -1.
    """
    n_symbols, n_bars = closes.shape
    states = _new_states(n_symbols)
    equity = np.empty(n_bars)
    exposure = np.empty((n_bars, n_symbols))
    log = np.empty((_LOG_ROWS, N_EVENT))
    orders = np.empty((ORDERS_MAX, 2))
    cursor = np.zeros(n_symbols, dtype=np.int64)
    n = int(np.int64(0))  # a bare 0 is a type of its own to numba: every callee would be compiled twice
    ruined_row = -1
    for row in range(n_bars):
        until = ts[row] + interval_ms
        for j in range(n_symbols):
            k, end = offsets[j] + cursor[j], offsets[j + 1]
            if _rests(states, j, k < end and stamps[k] < until, highs[j, row], lows[j, row]):
                continue
            first = n
            s, t = states[j], terms[j]
            k = _skip_to(stamps, k, end, ts[row])
            log, n, k = _settle(s, t, stamps, rates, marks, k, end, ts[row] + 1, AT_OPEN, log, n)
            log = _with_room(log, n)
            window = turnover[j, max(0, row - TURNOVER_BARS) : row]
            n = open_bar(s, t, tiers[j], opens[j, row], traded[j, row], window, orders, log, n)
            if traded[j, row]:
                n = inside_bar(s, t, tiers[j], opens[j, row], highs[j, row], lows[j, row], window, log, n)
            log, n, k = _settle(s, t, stamps, rates, marks, k, end, until, INSIDE, log, n)
            cursor[j] = k - offsets[j]
            _label(log, first, n, row, j, ts[row])
        equity[row] = _mark(states, terms, closes, row, capital, exposure)
        if ruined_row < 0 and equity[row] <= 0.0:
            ruined_row = row
        if row < n_bars - 1:
            _decide(states, terms, closes, row, equity[row], wanted, stops, takes, in_coins, ruined_row >= 0)
    return equity, exposure, log[:n], states, ruined_row


@compiled
def _new_states(n_symbols: int) -> Floats:
    states = np.zeros((n_symbols, N_STATE))
    for j in range(n_symbols):
        for field in (STOP_DISTANCE, TAKE_DISTANCE, ENTRY, STOP, TAKE, LIQUIDATION):
            states[j, field] = np.nan
        states[j, LIQUIDATION_GAP] = np.inf
    return states


@inlined
def _rests(states: Floats, j: int, due: bool, high: float, low: float) -> bool:  # noqa: FBT001  compiled code
    """Return whether nothing happens to symbol j in this bar; `due` says that a stamp falls in it."""
    if states[j, PENDING] != NOTHING:
        return False
    if states[j, POSITION] == 0.0:
        return True
    return not due and _stays_quiet(states, j, high, low)


@inlined
def _stays_quiet(states: Floats, j: int, high: float, low: float) -> bool:
    """Return whether a held position meets none of its triggers in this bar; note its liquidation gap if so.

    A short cut past `open_bar` and `inside_bar`, which would do nothing else. A bar that is not
    traded is flat at the last close, which met no trigger either.
    """
    side = sign(states[j, POSITION])
    adverse = low if side > 0.0 else high
    favourable = high if side > 0.0 else low
    if (
        reached(-side, adverse, states[j, STOP])
        or reached(-side, adverse, states[j, LIQUIDATION])
        or reached(side, favourable, states[j, TAKE])
    ):
        return False
    gap = side * (adverse - states[j, LIQUIDATION]) / adverse
    states[j, LIQUIDATION_GAP] = min(states[j, LIQUIDATION_GAP], gap)
    return True


@compiled
def _with_room(log: Floats, used: int) -> Floats:
    """Return `log`, or a copy twice as long when a bar's events might not fit behind `used` rows."""
    if used + EVENTS_A_BAR <= log.shape[0]:
        return log
    longer = np.empty((2 * log.shape[0], log.shape[1]))
    for row in range(used):
        for field in range(log.shape[1]):
            longer[row, field] = log[row, field]
    return longer


@compiled
def _label(log: Floats, first: int, end: int, row: int, symbol: int, time: int) -> None:
    """Say when events first to end happened; a funding keeps the time of its stamp."""
    for event in range(first, end):
        log[event, E_ROW] = row
        log[event, E_SYMBOL] = symbol
        if log[event, E_KIND] != FUNDING_PAID:
            log[event, E_TIME] = time


@compiled
def _skip_to(stamps: Ints, cursor: int, end: int, since: int) -> int:
    """Return the first stamp at or after `since`: earlier ones met no position."""
    while cursor < end and stamps[cursor] < since:
        cursor += 1
    return cursor


@compiled
def _settle(
    s: Floats,
    terms: Floats,
    stamps: Ints,
    rates: Floats,
    marks: Floats,
    cursor: int,
    end: int,
    before: int,
    phase: float,
    log: Floats,
    n: int,
) -> tuple[Floats, int, int]:
    """Settle every stamp before `before`; return the log, its new length and the next stamp."""
    while cursor < end and stamps[cursor] < before:
        log = _with_room(log, n)
        after = pay_funding(s, terms, rates[cursor], marks[cursor], phase, log, n)
        log[n, E_TIME] = stamps[cursor]
        n = after
        cursor += 1
    return log, n, cursor


@inlined
def _mark(states: Floats, terms: Floats, closes: Floats, row: int, capital: float, exposure: Floats) -> float:
    """Return the sleeve's equity at the close of `row` and write its exposures."""
    equity = capital
    for j in range(states.shape[0]):
        booked = states[j, REALISED] - states[j, FEES] - states[j, FUNDING]
        qty = 0.0
        if states[j, POSITION] != 0.0:
            qty = to_value(states[j, POSITION], terms[j, QTY_UNIT], terms[j, QTY_SCALE])
        equity += equity_part(booked, qty, states[j, ENTRY], closes[j, row])
        exposure[row, j] = qty * closes[j, row]
    for j in range(states.shape[0]):
        if exposure[row, j] != 0.0:
            exposure[row, j] = exposure[row, j] / equity if equity > 0.0 else np.nan
    return equity


@inlined
def _decide(
    states: Floats,
    terms: Floats,
    closes: Floats,
    row: int,
    equity: float,
    wanted: Floats,
    stops: Floats,
    takes: Floats,
    in_coins: bool,  # noqa: FBT001  compiled code has positional arguments only
    ruined: bool,  # noqa: FBT001  likewise
) -> None:
    """Take every symbol's decision at the close of `row`; after ruin each is to be flat."""
    for j in range(states.shape[0]):
        target = 0.0 if ruined else wanted[row, j]
        if not differs(target, states[j, DECIDED]):
            continue  # a short cut: nothing new, and a latch always is the side last decided
        if in_coins:
            on_wanted_quantity(states[j], terms[j], target, stops[row, j], takes[row, j], closes[j, row])
        else:
            on_decision(states[j], terms[j], target, stops[row, j], takes[row, j], equity, closes[j, row])
