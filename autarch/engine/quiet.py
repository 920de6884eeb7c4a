"""Stretches in which nothing happens: how long they last, what they are worth, how near they came.

Between two events of a symbol its quantity, average entry and triggers stand still, so a stretch needs
no rules, only comparisons and marks. Loops run over slices from zero, in blocks without an exit, since
that is the form that compilers turn into vector instructions.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.jit import inlined, internal
from autarch.engine.layout import (
    ENTRY,
    FEES,
    FUNDING,
    LIQUIDATION,
    LIQUIDATION_GAP,
    POSITION,
    REALISED,
    STOP,
    TAKE,
)
from autarch.engine.rules import equity_part, sign, to_value
from autarch.engine.tape import CLOSE, HIGH, LOW, Book, Tape, column, flat
from autarch.engine.terms import QTY_SCALE, QTY_UNIT
from autarch.market.types import Floats

_BLOCK: Final = 32


@internal
def next_change(wanted: Floats, row: int) -> int:
    """Return the first row from `row` on whose decision is not the one before it; n when none is.

    Before the first row everything decided is zero. The last row's decision is never acted on.
    """
    n: int = wanted.shape[0]
    width: int = wanted.shape[1]
    if row == 0:
        for j in range(width):
            if wanted[0, j] != 0.0 and n > 1:
                return 0
        row = 1
    if row >= n - 1:
        return n
    values = flat(wanted)
    now, before = values[row * width : (n - 1) * width], values[(row - 1) * width :]
    place: int = 0
    size: int = now.size
    while place + _BLOCK <= size:
        changed = False
        for i in range(place, place + _BLOCK):
            changed |= now[i] != before[i]
        if changed:
            break
        place += _BLOCK
    while place < size:
        if now[place] != before[place]:
            return row + place // width
        place += 1
    return n


@internal
def next_trigger(tape: Tape, s: Floats, j: int, since: int, until: int) -> int:
    """Return the first row in [since, until) whose extremes meet a trigger of what is held, or `until`.

    A row that is not traded is flat at the last close, which met none.
    """
    side = sign(s[POSITION])
    nearest = s[STOP]
    if np.isnan(nearest) or side * (s[LIQUIDATION] - nearest) > 0.0:
        nearest = s[LIQUIDATION]
    if side > 0.0:
        return int(_first_beyond(column(tape, j, LOW), column(tape, j, HIGH), nearest, s[TAKE], since, until))
    return int(_first_beyond(column(tape, j, LOW), column(tape, j, HIGH), s[TAKE], nearest, since, until))


@inlined
def _first_beyond(lows: Floats, highs: Floats, floor: float, ceiling: float, since: int, until: int) -> int:
    low, high = lows[since:until], highs[since:until]
    place: int = 0
    size: int = low.size
    while place + _BLOCK <= size:
        hit = False
        for i in range(place, place + _BLOCK):
            hit |= (low[i] <= floor) | (high[i] >= ceiling)
        if hit:
            break
        place += _BLOCK
    while place < size and not (low[place] <= floor or high[place] >= ceiling):
        place += 1
    return since + place


@internal
def note_gap(tape: Tape, s: Floats, j: int, since: int, until: int) -> None:
    """Note how near the rows [since, until) brought a held position to its liquidation price.

    The distance grows with a long's low and falls with a short's high, so the worst of them tells.
    """
    if s[POSITION] == 0.0 or since >= until or np.isnan(s[LIQUIDATION]):
        return
    side = sign(s[POSITION])
    if side > 0.0:
        worst = _least(column(tape, j, LOW)[since:until], 1.0)
    else:
        worst = -_least(column(tape, j, HIGH)[since:until], -1.0)
    s[LIQUIDATION_GAP] = min(s[LIQUIDATION_GAP], side * (worst - s[LIQUIDATION]) / worst)


@internal
def _least(values: Floats, sign_: float) -> float:
    """Return the least of sign * values, four chains at a time: one alone waits for itself."""
    a = b = c = d = np.inf
    quarter = values.size // 4
    for i in range(quarter):
        v, w, x, y = values[i], values[quarter + i], values[2 * quarter + i], values[3 * quarter + i]
        a, b = min(a, sign_ * v), min(b, sign_ * w)
        c, d = min(c, sign_ * x), min(d, sign_ * y)
    for i in range(4 * quarter, values.size):
        a = min(a, sign_ * values[i])
    return min(a, b, c, d)


@internal
def mark_equity(tape: Tape, book: Book, states: Floats, sleeve: int, begin: int, end: int, equity: Floats) -> None:
    """Write a sleeve's equity at the closes of rows [begin, end): capital, then symbol by symbol."""
    out = equity[sleeve, begin:end]
    first, last = book.sleeves[sleeve], book.sleeves[sleeve + 1]
    for j in range(first, last):
        s = states[j]
        base = book.capitals[sleeve]
        booked = s[REALISED] - s[FEES] - s[FUNDING]
        qty = to_value(s[POSITION], book.terms[j, QTY_UNIT], book.terms[j, QTY_SCALE])
        entry = s[ENTRY]
        if j == first and qty == 0.0:
            for i in range(out.size):
                out[i] = base + booked
        elif j == first:
            close = column(tape, j, CLOSE)[begin:end]
            for i in range(out.size):
                out[i] = base + equity_part(booked, qty, entry, close[i])
        elif qty == 0.0:
            for i in range(out.size):
                out[i] += booked
        else:
            close = column(tape, j, CLOSE)[begin:end]
            for i in range(out.size):
                out[i] += equity_part(booked, qty, entry, close[i])


@internal
def mark_notional(tape: Tape, book: Book, s: Floats, j: int, begin: int, end: int, exposure: Floats) -> None:
    """Write a symbol's signed notional at the closes of rows [begin, end)."""
    qty = to_value(s[POSITION], book.terms[j, QTY_UNIT], book.terms[j, QTY_SCALE])
    width = exposure.shape[1]
    if qty == 0.0:
        for row in range(begin, end):
            exposure[row, j] = 0.0
        return
    close = column(tape, j, CLOSE)[begin:end]
    if width == 1:
        out = flat(exposure)[begin:end]
        for i in range(close.size):
            out[i] = qty * close[i]
    else:
        for i in range(close.size):
            exposure[begin + i, j] = qty * close[i]


@internal
def mark_shares(equity: Floats, exposure: Floats, begin: int, end: int) -> None:
    """Turn the notionals of rows [begin, end) into fractions of equity (n,), NaN while that is not positive."""
    width = exposure.shape[1]
    own, out = equity[begin:end], flat(exposure)[begin * width : end * width]
    if width == 1:
        for i in range(own.size):
            out[i] = out[i] / own[i] if own[i] > 0.0 else (np.nan if out[i] != 0.0 else 0.0)
        return
    for i in range(own.size):
        for j in range(i * width, i * width + width):
            if out[j] != 0.0:
                out[j] = out[j] / own[i] if own[i] > 0.0 else np.nan


@internal
def mark_drawdown(equity: Floats, peak: float, begin: int, end: int, drawdown: Floats) -> float:
    """Write the fraction below the highest equity so far, `peak` before row `begin`; return the new peak."""
    own, out = equity[begin:end], drawdown[begin:end]
    for i in range(own.size):
        peak = max(peak, own[i])
        out[i] = peak
    for i in range(own.size):
        out[i] = 1.0 - own[i] / out[i]
    return peak


@internal
def first_broke(equity: Floats, begin: int, end: int) -> int:
    """Return the first row of [begin, end) without positive equity, or `end`."""
    own = equity[begin:end]
    broke = False
    for i in range(own.size):
        broke |= own[i] <= 0.0
    if broke:
        for i in range(own.size):
            if own[i] <= 0.0:
                return begin + i
    return end
