"""What the kernel writes: the state it moves while it plays, and what it hands back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autarch.engine.jit import inlined
from autarch.engine.layout import (
    ENTRY,
    LIQUIDATION,
    LIQUIDATION_GAP,
    N_EVENT,
    N_STATE,
    ORDERS_MAX,
    STOP,
    STOP_DISTANCE,
    TAKE,
    TAKE_DISTANCE,
)
from autarch.engine.tape import Book, Tape
from autarch.market.types import Bools, Floats, Ints


class Run(NamedTuple):
    """What changes while m symbols of g sleeves are played."""

    states: Floats  # (m, N_STATE)
    due: Ints  # (m,) next row to play a symbol in; n for never
    looking: Bools  # (m,) nothing is known to happen in row `due`: it is only to be looked on from there
    stamp: Ints  # (m,) next funding stamp
    noted: Ints  # (m,) first row whose distance to liquidation is not noted
    depth: Floats  # (m,) of the row being played
    worst: Floats  # (m,) prices that a shared margin is tried at
    last: Floats  # (m,) prices at which it was last known to hold
    orders: Floats  # (ORDERS_MAX, 2) scratch
    broke: Ints  # (g + 1,) row whose close left a sleeve, and at g the account, without equity; -1 if none
    peaks: Floats  # (g,) highest equity so far


class Played(NamedTuple):
    """What happened: n bars, m symbols, g sleeves."""

    equity: Floats  # (g, n) of each sleeve at each close
    account: Floats  # (n,) of the account; the same memory where it is one sleeve
    exposure: Floats  # (n, m) signed notional, over its equity where the account is one sleeve
    drawdown: Floats  # (g, n)
    events: Floats  # (n_events, N_EVENT)
    states: Floats  # (m, N_STATE) after the last bar
    broke: Ints  # (g + 1,)


@inlined
def new_run(tape: Tape, book: Book) -> Run:
    """Return everyone flat before the first bar."""
    m = tape.offsets.size - 1
    states = np.zeros((m, N_STATE))
    for j in range(m):
        for field in (STOP_DISTANCE, TAKE_DISTANCE, ENTRY, STOP, TAKE, LIQUIDATION):
            states[j, field] = np.nan
        states[j, LIQUIDATION_GAP] = np.inf
    due, stamp, noted = np.empty(m, np.int64), np.empty(m, np.int64), np.zeros(m, np.int64)
    for j in range(m):
        due[j], stamp[j] = tape.n_bars, tape.offsets[j]
    g = book.capitals.size
    broke, peaks = np.empty(g + 1, np.int64), np.empty(g)
    broke[g] = -1
    for sleeve in range(g):
        broke[sleeve], peaks[sleeve] = -1, book.capitals[sleeve]
    looking, prices = np.zeros(m, np.bool_), np.zeros((3, m))
    orders = np.empty((ORDERS_MAX, 2))
    return Run(states, due, looking, stamp, noted, prices[0], prices[1], prices[2], orders, broke, peaks)


@inlined
def new_played(tape: Tape, book: Book) -> Played:
    """Return room for what will have happened; what is not an array of bars comes later."""
    g, m, n = book.capitals.size, tape.offsets.size - 1, tape.n_bars
    equity = np.empty((g, n))
    account = equity[0] if g == 1 and book.spare == 0.0 else np.empty(n)
    later = np.empty((0, N_EVENT))
    return Played(equity, account, np.empty((n, m)), np.empty((g, n)), later, later, np.empty(0, np.int64))
