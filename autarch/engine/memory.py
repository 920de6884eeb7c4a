"""What the kernel writes: the state it moves while it plays, and what it hands back."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from autarch.engine.layout import EVENTS_A_BAR, N_EVENT, ORDERS_MAX, new_state
from autarch.engine.tape import Book, Tape
from autarch.market.types import Floats, Ints

CHUNK: Final = 1024
"""Rows that are played before they are marked: few enough to be still in the processor's cache."""

N_CURSORS: Final = 5
_BARS_AN_EVENT: Final = 16
_LOG_ROWS: Final = 4096


class Run(NamedTuple):
    """What changes while m symbols of g sleeves are played."""

    states: Floats  # (m, N_STATE)
    due: Ints  # (m,) next row to play a symbol in; n for never
    looking: Ints  # (m,) 1 where nothing is known to happen in row `due`: it is only to be looked on from there
    stamp: Ints  # (m,) next funding stamp
    noted: Ints  # (m,) first row whose distance to liquidation is not noted
    marked: Ints  # (m,) first row in which the symbol is not marked
    depth: Floats  # (m,) of the row being played
    worst: Floats  # (m,) prices that a shared margin is tried at
    last: Floats  # (m,) prices at which it was last known to hold
    orders: Floats  # (ORDERS_MAX, 2) scratch
    broke: Ints  # (g + 1,) row whose close left a sleeve, and at g the account, without equity; -1 if none
    peaks: Floats  # (g,) highest equity so far
    parts: Floats  # (m, CHUNK) what each symbol adds to its sleeve's equity at the closes of a chunk
    cursors: Ints  # (N_CURSORS, m) the memory of due, looking, stamp, noted and marked
    saved_states: Floats  # as they were before the chunk's first row: a ruin found in it is gone back for
    saved_cursors: Ints
    saved_broke: Ints


class Played(NamedTuple):
    """What happened: n bars, m symbols, g sleeves."""

    equity: Floats  # (g, n) of each sleeve at each close
    account: Floats  # (n,) of the account; the same memory where it is one sleeve
    exposure: Floats  # (n, m) signed notional, over its equity where the account is one sleeve
    drawdown: Floats  # (g, n)
    events: Floats  # (n_events, N_EVENT)
    states: Floats  # (m, N_STATE) after the last bar
    broke: Ints  # (g + 1,)


def new_run(tape: Tape, book: Book) -> Run:
    """Return everyone flat before the first bar."""
    m, g = tape.offsets.size - 1, book.capitals.size
    cursors = np.zeros((N_CURSORS, m), dtype=np.int64)
    due, looking, stamp, noted, marked = cursors
    due[:] = tape.n_bars
    stamp[:] = tape.offsets[:-1]
    prices = np.zeros((3, m))
    broke = np.full(g + 1, -1, dtype=np.int64)
    states = np.tile(new_state(), (m, 1))
    return Run(
        states=states,
        due=due,
        looking=looking,
        stamp=stamp,
        noted=noted,
        marked=marked,
        depth=prices[0],
        worst=prices[1],
        last=prices[2],
        orders=np.empty((ORDERS_MAX, 2)),
        broke=broke,
        peaks=book.capitals.copy(),
        parts=np.empty((m, CHUNK)),
        cursors=cursors,
        saved_states=states.copy(),
        saved_cursors=cursors.copy(),
        saved_broke=broke.copy(),
    )


def new_played(tape: Tape, book: Book, run: Run) -> Played:
    """Return room for what will have happened, its log long enough for most markets."""
    g, m, n = book.capitals.size, tape.offsets.size - 1, tape.n_bars
    equity = np.empty((g, n))
    account = equity[0] if g == 1 and book.spare == 0.0 else np.empty(n)
    rows = max(_LOG_ROWS, n * m // _BARS_AN_EVENT, events_max(tape))
    log = np.empty((rows, N_EVENT))
    return Played(equity, account, np.empty((n, m)), np.empty((g, n)), log, run.states, run.broke)


def events_max(tape: Tape) -> int:
    """Return how many events one row can have at most."""
    rows = (tape.stamps - tape.first_ms) // tape.interval_ms
    stamps = int(np.unique(rows, return_counts=True)[1].max()) if rows.size else 0
    return EVENTS_A_BAR * (tape.offsets.size - 1) + stamps
