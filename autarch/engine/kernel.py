"""One pass over all bars of all symbols of an account.

The rules live in `rules`, `decision`, `position` and `margin`, and `autarch.engine.state` writes down their
order. This module knows when they have to be asked: a bar is played by the rules for the symbols to which
something may happen in it, and every other stretch is marked as a whole (`quiet`, `marks`). A test plays the
same markets by the rules alone, every bar of every symbol, and compares bit by bit.

Rows are played a chunk at a time and marked afterwards. Where the marks show a ruin, the chunk is played once
more by whoever knows of it, since a ruined sleeve decides otherwise.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from autarch.engine.decision import on_decision, on_wanted_quantity
from autarch.engine.desk import (
    Desk,
    bytes_at,
    column,
    column_of,
    floats_at,
    ints_at,
    lay_log,
    log_of,
    new_desk,
    opens,
    orders_of,
    state_of,
    terms_of,
    tiers_of,
)
from autarch.engine.jit import apart, compiled, internal
from autarch.engine.layout import AT_OPEN, DECIDED, E_ROW, E_SYMBOL, E_TIME, INSIDE, N_STATE, NOTHING, PENDING, POSITION
from autarch.engine.marks import equity_now, finish_chunk, mark_chunk, mark_symbol, note_ruin
from autarch.engine.memory import CHUNK, N_CURSORS, Played, new_played, new_run
from autarch.engine.position import inside_bar, market_depth, pay_funding, settle_delisted
from autarch.engine.quiet import next_change, next_trigger, note_gap
from autarch.engine.rules import differs
from autarch.engine.shared import all_due, call, is_called_between
from autarch.engine.state import open_bar
from autarch.engine.tape import CLOSE, FACTOR, HIGH, LEAD, LOW, N_DEPTH, OPEN, TURNOVER, Book, Tape, Wish
from autarch.engine.terms import IMPACT_K

_LOOK: Final = 128
"""Rows one look ahead covers; what is decided meanwhile makes the rest of it wasted."""


def play(tape: Tape, book: Book, wish: Wish) -> Played:
    """Play every bar and return what happened."""
    run = new_run(tape, book)
    made = new_played(tape, book, run)
    desk = new_desk(tape, book, wish, run, made)
    while not advance(desk):
        log = np.empty((2 * made.events.shape[0], made.events.shape[1]))
        log[: desk[0].used] = made.events[: desk[0].used]
        made = made._replace(events=log)
        lay_log(desk, log)
    return made._replace(events=made.events[: desk[0].used])


@compiled
def advance(desk: Any) -> bool:
    """Play on to the last bar and return True, or to where the log lacks room and return False."""
    d = desk[0]
    if d.change < 0:
        d.change = next_change(d, d.row)
    while d.row < d.n_bars:
        if d.row == d.begin:
            _save(d)
        end = min(d.begin + CHUNK, d.n_bars)
        if not _play_rows(d, end):
            return False
        for j in range(d.symbols):
            note_gap(d, j, end)
            mark_symbol(d, j, end)
        ruined = mark_chunk(d, end)
        if ruined < end:
            _go_back(d)
            note_ruin(d, ruined)
            continue
        finish_chunk(d, end)
        d.begin = end
    return True


@apart
def _save(d: Desk) -> None:
    """Remember how everything stands before the chunk's first row."""
    d.saved_change, d.saved_used = d.change, d.used
    _copy(d.run_states, d.run_saved_states, d.symbols * N_STATE)
    _copy(d.run_cursors, d.run_saved_cursors, d.symbols * N_CURSORS)
    _copy(d.run_broke, d.run_saved_broke, d.sleeves + 1)


@apart
def _go_back(d: Desk) -> None:
    """Stand again where `_save` did."""
    d.change, d.used, d.row = d.saved_change, d.saved_used, d.begin
    _copy(d.run_saved_states, d.run_states, d.symbols * N_STATE)
    _copy(d.run_saved_cursors, d.run_cursors, d.symbols * N_CURSORS)
    _copy(d.run_saved_broke, d.run_broke, d.sleeves + 1)


@internal
def _copy(source: int, target: int, count: int) -> None:
    given, taken = ints_at(source), ints_at(target)
    for i in range(count):
        taken[i] = given[i]


@apart
def _play_rows(d: Desk, end: int) -> bool:
    """Play the rows before `end`; return False, standing before a row, where the log lacks room for it."""
    n, shared = d.n_bars, d.shared != 0
    row = d.row
    while row < end:
        event = _first_due(d)
        if shared and event > row and is_called_between(d, row):
            all_due(d, row)
            event = row
        if event == row:
            if d.used + d.row_events > d.log_rows:
                d.row = row
                return False
            _play_row(d, row)
            event = _first_due(d)
        until = _first_ruin(d, row, min(end, event, d.change + 1, row + 1 if shared else n))
        row = until - 1
        if row < n - 1 and (row == d.change or _first_ruin(d, row, n) == until):
            _decide(d, row)
        if row == d.change:
            d.change = next_change(d, row + 1)
        row = until
    d.row = row
    return True


@internal
def _first_due(d: Desk) -> int:
    due = ints_at(d.run_due)
    first = due[0]
    for j in range(1, d.symbols):
        first = min(first, due[j])
    return int(first)


@internal
def _first_ruin(d: Desk, row: int, end: int) -> int:
    """Return the row after the first ruin known from `row` on, `end` where none is before it."""
    broke = ints_at(d.run_broke)
    for sleeve in range(d.sleeves + 1):
        if broke[sleeve] >= row:
            end = min(end, broke[sleeve] + 1)
    return end


@apart
def _decide(d: Desk, row: int) -> None:
    """Take every symbol's decision at the close of `row`; after ruin each is to be flat."""
    width = d.symbols
    wanted, firsts, broke = (
        floats_at(d.wish_wanted + 8 * row * width),
        ints_at(d.book_sleeves),
        ints_at(d.run_broke),
    )
    stops, takes = floats_at(d.wish_stops + 8 * row * d.stop_step), floats_at(d.wish_takes + 8 * row * d.take_step)
    due, looking = ints_at(d.run_due), ints_at(d.run_looking)
    for sleeve in range(d.sleeves):
        ruined, equity = broke[sleeve] >= 0 and broke[sleeve] <= row, np.nan
        for j in range(firsts[sleeve], firsts[sleeve + 1]):
            target = 0.0 if ruined else wanted[j]
            s, terms = state_of(d, j), terms_of(d, j)
            if not differs(target, s[DECIDED]):
                continue  # a short cut: nothing new, and a latch always is the side last decided
            close = column(d, j, CLOSE, row)[0]
            if d.in_coins != 0:
                on_wanted_quantity(s, terms, target, stops[j], takes[j], close)
            else:
                if np.isnan(equity):
                    equity = equity_now(d, sleeve, row)
                on_decision(s, terms, target, stops[j], takes[j], equity, close)
            due[j], looking[j] = row + 1, 0


@apart
def _play_row(d: Desk, row: int) -> None:
    """Play one bar by the rules for every symbol that is due, all opens before all insides."""
    m, shared = d.symbols, d.shared != 0
    due, looking, noted = ints_at(d.run_due), ints_at(d.run_looking), ints_at(d.run_noted)
    for j in range(m):
        if due[j] == row and looking[j] != 0:
            _look(d, j, row)
        if due[j] == row:
            note_gap(d, j, row)
            mark_symbol(d, j, row)
            _skip_stamps(d, j, opens(d, row))
            _settle(d, j, row, opens(d, row) + 1, AT_OPEN)
    if shared:
        call(d, row, AT_OPEN)
    for j in range(m):
        if due[j] == row:
            _open(d, j, row)
    if shared:
        call(d, row, INSIDE)
    for j in range(m):
        if due[j] == row:
            _inside(d, j, row)
            noted[j] = row + 1
            _look(d, j, row + 1)


@apart
def _look(d: Desk, j: int, row: int) -> None:
    """Find the row from `row` on in which symbol j has to be played next, or looked on from."""
    n, s = d.n_bars, state_of(d, j)
    due, looking = ints_at(d.run_due), ints_at(d.run_looking)
    looking[j] = 0
    if s[PENDING] != NOTHING:
        due[j] = row
    elif s[POSITION] == 0.0:
        due[j] = n
    else:
        known = min(n, ints_at(d.tape_settled)[j])
        stamp = ints_at(d.run_stamp)[j]
        if stamp < ints_at(d.tape_offsets)[j + 1]:
            known = min(known, (ints_at(d.tape_stamps)[stamp] - d.first_ms) // d.interval_ms)
        known = max(known, row)
        until = min(known, row + _LOOK)
        due[j] = next_trigger(d, j, row, until)
        looking[j] = 1 if due[j] == until and until < known else 0


@internal
def _open(d: Desk, j: int, row: int) -> None:
    terms, depth = terms_of(d, j), 0.0
    if terms[IMPACT_K] != 0.0:
        clock = ints_at(d.tape_depth + 8 * N_DEPTH * j)
        closed = max(0, row - clock[LEAD]) // clock[FACTOR]
        depth = market_depth(column_of(d, j, TURNOVER, closed), closed, terms)
    floats_at(d.run_depth)[j] = depth
    first = d.used
    price, traded = column(d, j, OPEN, row)[0], bytes_at(d.tape_traded + j * d.n_bars)[row] != 0
    d.used = open_bar(state_of(d, j), terms, tiers_of(d, j), price, traded, depth, orders_of(d), log_of(d), first)
    _label(d, first, row, j, opens(d, row))


@internal
def _inside(d: Desk, j: int, row: int) -> None:
    s, terms, tiers, log = state_of(d, j), terms_of(d, j), tiers_of(d, j), log_of(d)
    if bytes_at(d.tape_traded + j * d.n_bars)[row] != 0:
        open_, high, low = column(d, j, OPEN, row)[0], column(d, j, HIGH, row)[0], column(d, j, LOW, row)[0]
        first = d.used
        d.used = inside_bar(s, terms, tiers, open_, high, low, floats_at(d.run_depth)[j], log, first)
        _label(d, first, row, j, opens(d, row))
    _settle(d, j, row, opens(d, row + 1), INSIDE)
    if row == ints_at(d.tape_settled)[j]:
        first = d.used
        d.used = settle_delisted(s, terms, tiers, column(d, j, CLOSE, row)[0], log, first)
        _label(d, first, row, j, opens(d, row))


@apart
def _settle(d: Desk, j: int, row: int, before: int, phase: float) -> None:
    """Settle every funding stamp before `before`, each labelled with its own time."""
    stamps, cursor = ints_at(d.tape_stamps), ints_at(d.run_stamp)
    end = ints_at(d.tape_offsets)[j + 1]
    while cursor[j] < end and stamps[cursor[j]] < before:
        k, first = cursor[j], d.used
        rate, mark = floats_at(d.tape_rates)[k], floats_at(d.tape_marks)[k]
        d.used = pay_funding(state_of(d, j), terms_of(d, j), tiers_of(d, j), rate, mark, phase, log_of(d), first)
        _label(d, first, row, j, stamps[k])
        cursor[j] = k + 1


@internal
def _skip_stamps(d: Desk, j: int, since: int) -> None:
    """Leave out the stamps before `since`: they met no position."""
    stamps, cursor = ints_at(d.tape_stamps), ints_at(d.run_stamp)
    end = ints_at(d.tape_offsets)[j + 1]
    while cursor[j] < end and stamps[cursor[j]] < since:
        cursor[j] += 1


@internal
def _label(d: Desk, first: int, row: int, symbol: int, time: int) -> None:
    """Say when and to whom the events from `first` on happened."""
    log = log_of(d)
    for event in range(first, d.used):
        log[event, E_ROW] = row
        log[event, E_SYMBOL] = symbol
        log[event, E_TIME] = time
