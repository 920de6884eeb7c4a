"""One pass over all bars of all symbols of an account.

The rules live in `rules`, `decision`, `position` and `margin`, and `autarch.engine.state` writes down their
order. This module knows when they have to be asked: a bar is played by the rules for the symbols to which
something may happen in it, and every other stretch is marked as a whole (`quiet`). A test plays the same
markets by the rules alone, every bar of every symbol, and compares bit by bit.
"""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from typing import Final

import numpy as np

from autarch.engine.decision import on_decision, on_wanted_quantity
from autarch.engine.jit import apart, compiled, inlined, internal
from autarch.engine.layout import (
    AT_OPEN,
    DECIDED,
    E_ROW,
    E_SYMBOL,
    E_TIME,
    EVENTS_A_BAR,
    INSIDE,
    N_EVENT,
    NOTHING,
    PENDING,
    POSITION,
)
from autarch.engine.margin import is_called, take_over, worst_at_open, worst_inside
from autarch.engine.memory import Played, Run, new_played, new_run
from autarch.engine.position import inside_bar, market_depth, pay_funding, settle_delisted
from autarch.engine.quiet import (
    first_broke,
    mark_drawdown,
    mark_equity,
    mark_notional,
    mark_shares,
    next_change,
    next_trigger,
    note_gap,
)
from autarch.engine.rules import differs
from autarch.engine.state import open_bar
from autarch.engine.tape import (
    CLOSE,
    FACTOR,
    HIGH,
    LEAD,
    LOW,
    OPEN,
    TURNOVER,
    Book,
    Tape,
    Wish,
    borrowed,
    column,
)
from autarch.market.types import Floats, Ints

_LOG_ROWS: Final = 4096
_LOOK: Final = 128
"""Rows one look ahead covers; what is decided meanwhile makes the rest of it wasted."""


@compiled
def play(tape: Tape, book: Book, wish: Wish) -> Played:
    """Play every bar and return what happened."""
    own, made = new_run(tape, book), new_played(tape, book)  # these keep what is lent to the rules
    lent, by, asked, run, out = borrowed(tape), borrowed(book), borrowed(wish), borrowed(own), borrowed(made)
    n = tape.n_bars
    log = np.empty((_LOG_ROWS, N_EVENT))
    nil = int(np.int64(0))  # a bare 0 is a type of its own to numba: every callee would be compiled twice
    used, row, played = nil, nil, False
    change = next_change(asked.wanted, nil)
    while row < n:
        event = _first_due(run)
        if not played:
            if book.shared and event > row and _is_called(lent, by, run, row):
                _all_due(run, row)
                event = row
            if event == row:
                most = _events_max(lent, run, row)
                if used + most > log.shape[0]:
                    log = _longer(log, used, most)
                used = _play_row(lent, by, run, row, borrowed(log), used)
                played = True
                continue
        end = min(event, change + 1, row + 1 if book.shared else n)
        end = _mark(lent, by, run, out, row, end)
        row = end - 1
        if row < n - 1 and (row == change or _has_broken(run, row)):
            _decide(lent, by, run, asked, out, row)
        if row == change:
            change = next_change(asked.wanted, row + 1)
        row, played = end, False
    for j in range(run.due.size):
        note_gap(lent, run.states[j], j, run.noted[j], n)
    return Played(made.equity, made.account, made.exposure, made.drawdown, log[:used], own.states, own.broke)


@inlined
def _all_due(run: Run, row: int) -> None:
    for j in range(run.due.size):
        run.due[j], run.looking[j] = row, False


@inlined
def _first_due(run: Run) -> int:
    first = run.due[0]
    for j in range(1, run.due.size):
        first = min(first, run.due[j])
    return int(first)


@inlined
def _mark(tape: Tape, book: Book, run: Run, out: Played, begin: int, end: int) -> int:
    """Write what the closes of rows [begin, end) are worth; return the end, moved up to the first ruin."""
    g = book.capitals.size
    alone = g == 1 and book.spare == 0.0
    if run.broke[g] == begin:
        end = begin + 1  # a shared margin was liquidated in this row
    for sleeve in range(g):
        mark_equity(tape, book, run.states, sleeve, begin, end, out.equity)
        if run.broke[sleeve] < 0:
            end = min(end, first_broke(out.equity[sleeve], begin, end) + 1)
    if not alone:
        _mark_account(book, out, begin, end)
        if run.broke[g] < 0:
            end = min(end, first_broke(out.account, begin, end) + 1)
    _note_ruin(run, out, end - 1)
    for j in range(run.due.size):
        mark_notional(tape, book, run.states[j], j, begin, end, out.exposure)
    if alone:
        mark_shares(out.account, out.exposure, begin, end)
    for sleeve in range(g):
        run.peaks[sleeve] = mark_drawdown(out.equity[sleeve], run.peaks[sleeve], begin, end, out.drawdown[sleeve])
    return end


@inlined
def _mark_account(book: Book, out: Played, begin: int, end: int) -> None:
    for row in range(begin, end):
        out.account[row] = book.spare
        for sleeve in range(book.capitals.size):
            out.account[row] += out.equity[sleeve, row]


@inlined
def _note_ruin(run: Run, out: Played, row: int) -> None:
    """Note who has no equity at the close of `row`; an account without any takes its sleeves along."""
    g = run.peaks.size
    if run.broke[g] < 0 and out.account[row] <= 0.0:
        run.broke[g] = row
    for sleeve in range(g):
        if run.broke[sleeve] < 0 and (run.broke[g] >= 0 or out.equity[sleeve, row] <= 0.0):
            run.broke[sleeve] = row


@inlined
def _has_broken(run: Run, row: int) -> bool:
    broken = False
    for sleeve in range(run.broke.size):
        broken |= run.broke[sleeve] == row
    return broken


@inlined
def _decide(tape: Tape, book: Book, run: Run, wish: Wish, out: Played, row: int) -> None:
    """Take every symbol's decision at the close of `row`; after ruin each is to be flat."""
    stop_row = 0 if wish.stops.shape[0] == 1 else row
    take_row = 0 if wish.takes.shape[0] == 1 else row
    for sleeve in range(run.peaks.size):
        for j in range(book.sleeves[sleeve], book.sleeves[sleeve + 1]):
            target = 0.0 if run.broke[sleeve] >= 0 else wish.wanted[row, j]
            s, terms = run.states[j], book.terms[j]
            if not differs(target, s[DECIDED]):
                continue  # a short cut: nothing new, and a latch always is the side last decided
            close = column(tape, j, CLOSE)[row]
            stop, take = wish.stops[stop_row, j], wish.takes[take_row, j]
            if wish.in_coins:
                on_wanted_quantity(s, terms, target, stop, take, close)
            else:
                on_decision(s, terms, target, stop, take, out.equity[sleeve, row], close)
            run.due[j], run.looking[j] = row + 1, False


@inlined
def _play_row(tape: Tape, book: Book, run: Run, row: int, log: Floats, used: int) -> int:
    """Play one bar by the rules for every symbol that is due, all opens before all insides."""
    m = run.due.size
    for j in range(m):
        if run.due[j] == row and run.looking[j]:
            _look(tape, run, j, row)
        if run.due[j] == row:
            note_gap(tape, run.states[j], j, run.noted[j], row)
            run.stamp[j] = _skip_to(tape.stamps, run.stamp[j], tape.offsets[j + 1], _opens(tape, row))
            used = _settle(tape, book, run, j, row, _opens(tape, row) + 1, AT_OPEN, log, used)
    if book.shared:
        used = _call(tape, book, run, row, AT_OPEN, log, used)
    for j in range(m):
        if run.due[j] == row:
            used = _open(tape, book, run, j, row, log, used)
    if book.shared:
        used = _call(tape, book, run, row, INSIDE, log, used)
    for j in range(m):
        if run.due[j] == row:
            used = _inside(tape, book, run, j, row, log, used)
            run.noted[j] = row + 1
            _look(tape, run, j, row + 1)
    return used


@inlined
def _look(tape: Tape, run: Run, j: int, row: int) -> None:
    """Find the row from `row` on in which symbol j has to be played next, or looked on from."""
    n = tape.n_bars
    s = run.states[j]
    run.looking[j] = False
    if s[PENDING] != NOTHING:
        run.due[j] = row
    elif s[POSITION] == 0.0:
        run.due[j] = n
    else:
        known = min(n, tape.settled[j])
        if run.stamp[j] < tape.offsets[j + 1]:
            known = min(known, (tape.stamps[run.stamp[j]] - tape.first_ms) // tape.interval_ms)
        known = max(known, row)
        until = min(known, row + _LOOK)
        run.due[j] = next_trigger(tape, s, j, row, until)
        run.looking[j] = run.due[j] == until and until < known


@inlined
def _open(tape: Tape, book: Book, run: Run, j: int, row: int, log: Floats, used: int) -> int:
    terms = book.terms[j]
    closed = max(0, row - tape.depth[j, LEAD]) // tape.depth[j, FACTOR]
    run.depth[j] = market_depth(column(tape, j, TURNOVER), closed, terms)
    first = used
    price, traded = column(tape, j, OPEN)[row], tape.traded[j, row]
    used = open_bar(run.states[j], terms, book.tiers[j], price, traded, run.depth[j], run.orders, log, used)
    _label(log, first, used, row, j, _opens(tape, row))
    return used


@inlined
def _inside(tape: Tape, book: Book, run: Run, j: int, row: int, log: Floats, used: int) -> int:
    s, terms, tiers = run.states[j], book.terms[j], book.tiers[j]
    first = used
    if tape.traded[j, row]:
        open_, high, low = column(tape, j, OPEN)[row], column(tape, j, HIGH)[row], column(tape, j, LOW)[row]
        used = inside_bar(s, terms, tiers, open_, high, low, run.depth[j], log, used)
    _label(log, first, used, row, j, _opens(tape, row))
    used = _settle(tape, book, run, j, row, _opens(tape, row + 1), INSIDE, log, used)
    if row == tape.settled[j]:
        first = used
        used = settle_delisted(s, terms, tiers, column(tape, j, CLOSE)[row], log, used)
        _label(log, first, used, row, j, _opens(tape, row))
    return used


@inlined
def _settle(
    tape: Tape, book: Book, run: Run, j: int, row: int, before: int, phase: float, log: Floats, used: int
) -> int:
    """Settle every funding stamp before `before`, each labelled with its own time."""
    k, end = run.stamp[j], tape.offsets[j + 1]
    while k < end and tape.stamps[k] < before:
        first = used
        used = pay_funding(run.states[j], book.terms[j], book.tiers[j], tape.rates[k], tape.marks[k], phase, log, used)
        _label(log, first, used, row, j, tape.stamps[k])
        k += 1
    run.stamp[j] = k
    return used


@apart
def _is_called(tape: Tape, book: Book, run: Run, row: int) -> bool:
    """Return whether a bar in which no symbol is due liquidates the shared margin; note the distance if not."""
    capital = _capital(book)
    _try_at_open(tape, run, row)
    if is_called(run.states, book.terms, book.tiers, run.worst, capital):
        return True
    _try_inside(tape, run, row)
    return is_called(run.states, book.terms, book.tiers, run.worst, capital)


@internal
def _try_at_open(tape: Tape, run: Run, row: int) -> None:
    for j in range(run.due.size):
        run.worst[j] = worst_at_open(run.states[j], column(tape, j, OPEN)[row])
        run.last[j] = column(tape, j, CLOSE)[max(0, row - 1)]


@internal
def _capital(book: Book) -> float:
    capital = book.spare
    for sleeve in range(book.capitals.size):
        capital += book.capitals[sleeve]
    return capital


@internal
def _try_inside(tape: Tape, run: Run, row: int) -> None:
    for j in range(run.due.size):
        open_, high, low = column(tape, j, OPEN)[row], column(tape, j, HIGH)[row], column(tape, j, LOW)[row]
        run.worst[j] = worst_inside(run.states[j], open_, high, low)
        run.last[j] = open_


@apart
def _call(tape: Tape, book: Book, run: Run, row: int, phase: float, log: Floats, used: int) -> int:
    """Liquidate the whole account if its shared margin does not hold in this phase of the bar."""
    if phase == AT_OPEN:
        _try_at_open(tape, run, row)
    else:
        _try_inside(tape, run, row)
    capital = _capital(book)
    if not is_called(run.states, book.terms, book.tiers, run.worst, capital):
        return used
    first = used
    used = take_over(run.states, book.terms, book.tiers, run.worst, run.last, capital, phase, log, used)
    for event in range(first, used):
        _label(log, event, event + 1, row, int(log[event, E_SYMBOL]), _opens(tape, row))
    _all_due(run, row)
    run.broke[book.capitals.size] = row
    return used


@inlined
def _opens(tape: Tape, row: int) -> int:
    return tape.first_ms + row * tape.interval_ms


@inlined
def _events_max(tape: Tape, run: Run, row: int) -> int:
    """Return how many events a row can have at most."""
    most = 0
    for j in range(run.due.size):
        k = run.stamp[j]
        while k < tape.offsets[j + 1] and tape.stamps[k] < _opens(tape, row + 1):
            k += 1
        most += EVENTS_A_BAR + k - run.stamp[j]
    return most


@internal
def _longer(log: Floats, used: int, more: int) -> Floats:
    """Return a copy of `log` more than twice as long, with room for `more` events behind the `used` rows."""
    longer = np.empty((2 * log.shape[0] + more, log.shape[1]))
    for event in range(used):
        for field in range(log.shape[1]):
            longer[event, field] = log[event, field]
    return longer


@inlined
def _label(log: Floats, first: int, end: int, row: int, symbol: int, time: int) -> None:
    """Say when and to whom events first to end happened."""
    for event in range(first, end):
        log[event, E_ROW] = row
        log[event, E_SYMBOL] = symbol
        log[event, E_TIME] = time


@inlined
def _skip_to(stamps: Ints, cursor: int, end: int, since: int) -> int:
    """Return the first stamp at or after `since`: earlier ones met no position."""
    while cursor < end and stamps[cursor] < since:
        cursor += 1
    return cursor
