"""One pass over all bars of all symbols of a sleeve, on one equity.

The rules live in `rules`, `decision` and `position`; this module only plays them in the order that
`autarch.engine.state` writes down, bar by bar and symbol by symbol.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.decision import on_decision, on_wanted_quantity
from autarch.engine.jit import compiled
from autarch.engine.layout import (
    AT_OPEN,
    E_ROW,
    E_SYMBOL,
    E_TIME,
    ENTRY,
    EVENTS_A_BAR,
    INSIDE,
    LIQUIDATION,
    LIQUIDATION_GAP,
    N_EVENT,
    N_STATE,
    NOTHING,
    ORDERS_MAX,
    PENDING,
    POSITION,
    STOP,
    STOP_DISTANCE,
    TAKE,
    TAKE_DISTANCE,
)
from autarch.engine.position import inside_bar, own_equity, pay_funding
from autarch.engine.rules import to_value
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
    """Play every bar and return what happened.

    Args:
        ts: (n,) bar opens, epoch ms.
        interval_ms: Length of a bar.
        opens: (m, n) quote, as are highs, lows and closes.
        highs: See opens.
        lows: See opens.
        closes: See opens.
        turnover: (m, n) quote.
        traded: (m, n) whether the bar trades.
        stamps: (k,) funding stamps of all symbols one after another, each ascending.
        rates: (k,) parallel to stamps.
        marks: (k,) mark price at each stamp.
        offsets: (m + 1,) where each symbol's stamps begin.
        wanted: (n, m) exposures, or signed coins when `in_coins`.
        stops: (n, m) distances, NaN for none.
        takes: (n, m) likewise.
        in_coins: What `wanted` means.
        terms: (m, N_TERMS).
        tiers: (m, n_tiers, 3).
        capital: Quote the sleeve starts with.

    Returns:
        equity (n,), exposure (n, m) at close (NaN while equity is not positive), events
        (n_events, N_EVENT), states (m, N_STATE), and the row of ruin or -1.
    """
    n_symbols, n_bars = closes.shape
    states = _new_states(n_symbols)
    equity = np.empty(n_bars)
    exposure = np.zeros((n_bars, n_symbols))
    log = np.empty((_LOG_ROWS, N_EVENT))
    orders = np.empty((ORDERS_MAX, 2))
    cursor = offsets[:n_symbols].copy()
    n = 0
    ruined = -1
    for row in range(n_bars):
        until = ts[row] + interval_ms
        for j in range(n_symbols):
            s = states[j]
            if s[POSITION] == 0.0 and s[PENDING] == NOTHING:
                continue
            first = n
            cursor[j] = _skip_to(stamps, cursor[j], offsets[j + 1], ts[row])
            log, n, cursor[j] = _settle(
                s, terms[j], stamps, rates, marks, cursor[j], offsets[j + 1], ts[row] + 1, AT_OPEN, log, n
            )
            log = _with_room(log, n)
            begin = n
            window = turnover[j, max(0, row - TURNOVER_BARS) : row]
            n = open_bar(s, terms[j], tiers[j], opens[j, row], traded[j, row], window, orders, log, n)
            if traded[j, row]:
                n = inside_bar(s, terms[j], tiers[j], opens[j, row], highs[j, row], lows[j, row], window, log, n)
            log[begin:n, E_TIME] = ts[row]
            log, n, cursor[j] = _settle(
                s, terms[j], stamps, rates, marks, cursor[j], offsets[j + 1], until, INSIDE, log, n
            )
            log[first:n, E_ROW] = row
            log[first:n, E_SYMBOL] = j
        equity[row] = _mark(states, terms, closes, row, capital, exposure)
        if ruined < 0 and equity[row] <= 0.0:
            ruined = row
        if row < n_bars - 1:
            _decide(states, terms, closes, row, equity[row], wanted, stops, takes, in_coins, ruined >= 0)
    return equity, exposure, log[:n].copy(), states, ruined


@compiled
def _new_states(n_symbols: int) -> Floats:
    states = np.zeros((n_symbols, N_STATE))
    for field in (STOP_DISTANCE, TAKE_DISTANCE, ENTRY, STOP, TAKE, LIQUIDATION):
        states[:, field] = np.nan
    states[:, LIQUIDATION_GAP] = np.inf
    return states


@compiled
def _with_room(log: Floats, used: int) -> Floats:
    """Return `log`, or a copy twice as long when a bar's events might not fit behind `used` rows."""
    if used + EVENTS_A_BAR <= log.shape[0]:
        return log
    longer = np.empty((2 * log.shape[0], log.shape[1]))
    longer[:used] = log[:used]
    return longer


@compiled
def _skip_to(stamps: Ints, cursor: int, end: int, since: int) -> int:
    """Return the first stamp at or after `since`: earlier ones met no position."""
    return cursor + int(np.searchsorted(stamps[cursor:end], since))


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
    phase: int,
    log: Floats,
    n: int,
) -> tuple[Floats, int, int]:
    """Settle every stamp before `before`; return the log, its new length and the next stamp."""
    while cursor < end and stamps[cursor] < before:
        log = _with_room(log, n)
        after = pay_funding(s, terms, rates[cursor], marks[cursor], phase, log, n)
        log[n:after, E_TIME] = stamps[cursor]
        n = after
        cursor += 1
    return log, n, cursor


@compiled
def _mark(states: Floats, terms: Floats, closes: Floats, row: int, capital: float, exposure: Floats) -> float:
    """Return the sleeve's equity at the close of `row` and write its exposures."""
    equity = capital
    for j in range(states.shape[0]):
        equity += own_equity(states[j], terms[j], closes[j, row])
    for j in range(states.shape[0]):
        if states[j, POSITION] != 0.0:
            qty = to_value(states[j, POSITION], terms[j, QTY_UNIT], terms[j, QTY_SCALE])
            exposure[row, j] = qty * closes[j, row] / equity if equity > 0.0 else np.nan
    return equity


@compiled
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
        if in_coins:
            on_wanted_quantity(states[j], terms[j], target, stops[row, j], takes[row, j], closes[j, row])
        else:
            on_decision(states[j], terms[j], target, stops[row, j], takes[row, j], equity, closes[j, row])
