"""What every close is worth: symbols one stretch at a time, sleeves and account one chunk at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.desk import Desk, column, floats_at, ints_at, state_of, terms_of
from autarch.engine.jit import apart, internal
from autarch.engine.layout import ENTRY, FEES, FUNDING, POSITION, REALISED
from autarch.engine.memory import CHUNK
from autarch.engine.rules import equity_part, to_value
from autarch.engine.tape import CLOSE
from autarch.engine.terms import QTY_SCALE, QTY_UNIT
from autarch.market.types import Floats

_BLOCK: Final = 16


@apart
def mark_symbol(d: Desk, j: int, end: int) -> None:
    """Write what symbol j adds to equity, and its signed notional, at the closes before `end` not marked yet."""
    marked = ints_at(d.run_marked)
    begin = marked[j]
    if begin >= end:
        return
    marked[j] = end
    s, terms = state_of(d, j), terms_of(d, j)
    size, width = end - begin, d.symbols
    booked, entry = s[REALISED] - s[FEES] - s[FUNDING], s[ENTRY]
    qty = to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
    close = column(d, j, CLOSE, begin)
    part = floats_at(d.run_parts + 8 * (j * CHUNK + begin - d.begin))
    notional = floats_at(d.made_exposure + 8 * (begin * width + j))
    for i in range(size):
        part[i] = equity_part(booked, qty, entry, close[i])
    if qty == 0.0:
        for i in range(size):
            notional[i * width] = 0.0
    elif width == 1:
        for i in range(size):
            notional[i] = qty * close[i]
    else:
        for i in range(size):
            notional[i * width] = qty * close[i]


@internal
def equity_now(d: Desk, sleeve: int, row: int) -> float:
    """Return a sleeve's equity at the close of `row`, which has just been played, as `mark_chunk` will write it."""
    firsts = ints_at(d.book_sleeves)
    equity = float(floats_at(d.book_capitals)[sleeve])
    for j in range(firsts[sleeve], firsts[sleeve + 1]):
        s, terms = state_of(d, j), terms_of(d, j)
        qty = to_value(s[POSITION], terms[QTY_UNIT], terms[QTY_SCALE])
        equity += equity_part(s[REALISED] - s[FEES] - s[FUNDING], qty, s[ENTRY], column(d, j, CLOSE, row)[0])
    return equity


@apart
def mark_chunk(d: Desk, end: int) -> int:
    """Write equities at the closes of the chunk that ends before `end`; return the row of the first ruin in it.

    `end` where there is none. Sums go from the capital through the symbols in column order, as in `equity_now`.
    """
    n, begin, sleeves = d.n_bars, d.begin, d.sleeves
    firsts, capitals, broke = ints_at(d.book_sleeves), floats_at(d.book_capitals), ints_at(d.run_broke)
    size, found = end - begin, end
    for sleeve in range(sleeves):
        equity = floats_at(d.made_equity + 8 * (sleeve * n + begin))
        _add(floats_at(d.run_parts + 8 * firsts[sleeve] * CHUNK), capitals[sleeve], equity, size)
        for j in range(firsts[sleeve] + 1, firsts[sleeve + 1]):
            part = floats_at(d.run_parts + 8 * j * CHUNK)
            for i in range(size):
                equity[i] += part[i]
        found = min(found, _first_broke(equity, begin, broke[sleeve], end))
    if d.alone == 0:
        account = floats_at(d.made_account + 8 * begin)
        _add(floats_at(d.made_equity + 8 * begin), d.spare, account, size)
        for sleeve in range(1, sleeves):
            equity = floats_at(d.made_equity + 8 * (sleeve * n + begin))
            for i in range(size):
                account[i] += equity[i]
        found = min(found, _first_broke(account, begin, broke[sleeves], end))
    return int(found)


@internal
def _add(values: Floats, start: float, total: Floats, size: int) -> None:
    for i in range(size):
        total[i] = start + values[i]


@internal
def _first_broke(equity: Floats, begin: int, known: int, end: int) -> int:
    """Return the first row without positive equity from `begin` on, `end` where there is none before `known`."""
    size = (end if known < 0 else min(known, end)) - begin
    broke = False
    for i in range(size):
        broke |= equity[i] <= 0.0
    if broke:
        for i in range(size):
            if equity[i] <= 0.0:
                return begin + i
    return end


@apart
def note_ruin(d: Desk, row: int) -> None:
    """Note who has no equity at the close of `row`; an account without any takes its sleeves along."""
    n, sleeves = d.n_bars, d.sleeves
    broke, equity, account = ints_at(d.run_broke), floats_at(d.made_equity), floats_at(d.made_account)
    if stands(broke[sleeves], row) and account[row] <= 0.0:
        broke[sleeves] = row
    for sleeve in range(sleeves):
        if stands(broke[sleeve], row) and (broke[sleeves] == row or equity[sleeve * n + row] <= 0.0):
            broke[sleeve] = row


@internal
def stands(broke: int, row: int) -> bool:
    """Return whether whoever broke in row `broke`, -1 for never, had not by the close before `row`."""
    return broke < 0 or broke > row


@apart
def finish_chunk(d: Desk, end: int) -> None:
    """Write drawdowns, and exposures as fractions of equity where the account is one sleeve."""
    n, begin = d.n_bars, d.begin
    peaks = floats_at(d.run_peaks)
    for sleeve in range(d.sleeves):
        first = 8 * (sleeve * n + begin)
        peaks[sleeve] = _mark_drawdown(
            floats_at(d.made_equity + first), peaks[sleeve], floats_at(d.made_drawdown + first), end - begin
        )
    if d.alone != 0:
        width = d.symbols
        equity, shares = floats_at(d.made_equity + 8 * begin), floats_at(d.made_exposure + 8 * begin * width)
        broke = ints_at(d.run_broke)[0]
        if broke >= 0 and broke < end:
            _mark_shares_of_ruined(equity, shares, width, end - begin)
        elif width == 1:
            for i in range(end - begin):
                shares[i] /= equity[i]
        else:
            for i in range(end - begin):
                for j in range(i * width, i * width + width):
                    shares[j] /= equity[i]


@internal
def _mark_shares_of_ruined(equity: Floats, shares: Floats, width: int, size: int) -> None:
    """As without ruin, but NaN for what is held while equity is not positive."""
    for i in range(size):
        for j in range(i * width, i * width + width):
            if shares[j] != 0.0:
                shares[j] = shares[j] / equity[i] if equity[i] > 0.0 else np.nan


@internal
def _mark_drawdown(equity: Floats, peak: float, drawdown: Floats, size: int) -> float:
    """Write the fraction below the highest equity so far, `peak` before the first; return the new peak."""
    place = size - size
    while place < size:
        stop = min(place + _BLOCK, size)
        higher = False
        for i in range(place, stop):
            higher |= equity[i] > peak
        if higher:
            for i in range(place, stop):
                peak = max(peak, equity[i])
                drawdown[i] = 1.0 - equity[i] / peak
        else:
            for i in range(place, stop):
                drawdown[i] = 1.0 - equity[i] / peak
        place = stop
    return peak
