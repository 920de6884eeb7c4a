"""Everything one backtest plays on, as compiled code reaches it: one record of numbers and addresses.

Compiled functions are handed the record by one pointer, and rows of its tables by another. Handing them
arrays would copy seven numbers an array at each call and count references, which takes longer than the rules.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numba import carray, types  # type: ignore[attr-defined]

from autarch.engine.jit import generated, internal
from autarch.engine.layout import N_EVENT, N_STATE, ORDERS_MAX
from autarch.engine.memory import Played, Run, events_max
from autarch.engine.tape import N_COLUMNS, Book, Tape, Wish
from autarch.engine.terms import N_TERMS
from autarch.market.types import Floats

Desk = Any
"""A record of `new_desk`: numba knows its fields, mypy does not."""

_NUMBERS: Final = (
    ("n_bars", np.int64),
    ("first_ms", np.int64),
    ("interval_ms", np.int64),
    ("symbols", np.int64),  # m
    ("sleeves", np.int64),  # g
    ("tier_rows", np.int64),
    ("shared", np.int64),  # 1 where margin is the account's
    ("in_coins", np.int64),
    ("alone", np.int64),  # 1 where the account is its one sleeve
    ("stop_step", np.int64),  # floats from a row of stops to the next: 0 where one row counts for all
    ("take_step", np.int64),
    ("spare", np.float64),
    ("row_events", np.int64),  # how many a row can have at most
    ("log_rows", np.int64),
    # what moves
    ("begin", np.int64),  # first row of the chunk that is played
    ("row", np.int64),  # next row to play
    ("change", np.int64),  # next row whose decision is another than the one before
    ("used", np.int64),  # events written
    ("saved_change", np.int64),  # as they were before the chunk
    ("saved_used", np.int64),
)
_TAPE: Final = ("columns", "traded", "depth", "settled", "stamps", "rates", "marks", "offsets")
_BOOK: Final = ("terms", "tiers", "sleeves", "capitals")
_WISH: Final = ("wanted", "stops", "takes")
_MADE: Final = ("equity", "account", "exposure", "drawdown", "events")
_ADDRESSES: Final = tuple(
    f"{owner}_{name}"
    for owner, names in (("tape", _TAPE), ("book", _BOOK), ("wish", _WISH), ("run", Run._fields), ("made", _MADE))
    for name in names
)
_DESK: Final = np.dtype([*_NUMBERS, *((name, np.int64) for name in _ADDRESSES)], align=True)
_BYTES: Final = 8


def new_desk(tape: Tape, book: Book, wish: Wish, run: Run, made: Played) -> Any:
    """Return the record, as an array (1,), of a backtest that has not begun.

    It holds addresses: whoever plays it keeps the arrays alive.
    """
    desk = np.recarray(1, dtype=_DESK)
    own = desk[0]
    own.n_bars, own.first_ms, own.interval_ms = tape.n_bars, tape.first_ms, tape.interval_ms
    own.symbols, own.sleeves, own.tier_rows = run.due.size, book.capitals.size, book.tiers.shape[1]
    own.shared, own.in_coins, own.spare = book.shared, wish.in_coins, book.spare
    own.alone = book.capitals.size == 1 and book.spare == 0.0
    own.stop_step, own.take_step = (0 if a.shape[0] == 1 else a.shape[1] for a in (wish.stops, wish.takes))
    own.row_events, own.log_rows = events_max(tape), made.events.shape[0]
    own.begin = own.row = own.used = own.saved_used = 0
    own.change = own.saved_change = -1  # not looked for yet
    parts = (("tape", _TAPE, tape), ("book", _BOOK, book), ("wish", _WISH, wish))
    for owner, names, arrays in (*parts, ("run", Run._fields, run), ("made", _MADE, made)):
        for name in names:
            own[f"{owner}_{name}"] = getattr(arrays, name).ctypes.data
    return desk


def lay_log(desk: Any, log: Floats) -> None:
    """Let events be written to `log` (rows, N_EVENT) from now on; it has those written so far."""
    desk[0].made_events, desk[0].log_rows = log.ctypes.data, log.shape[0]


def _pointer_to(kind: types.Type) -> Any:
    def pointer(_context: Any, _address: Any) -> Any:
        signature = types.CPointer(kind)(types.int64)  # type: ignore[no-untyped-call]

        def generate(context: Any, builder: Any, called: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(called.return_type))

        return signature, generate

    return generated(pointer)


floats_at = _pointer_to(types.float64)
ints_at = _pointer_to(types.int64)
bytes_at = _pointer_to(types.uint8)


@internal
def column(d: Desk, symbol: int, which: int, row: int) -> Floats:
    """Return a column of a symbol's bars from `row` on."""
    address = ints_at(d.tape_columns)[symbol * N_COLUMNS + which]
    values: Floats = floats_at(address + _BYTES * row)
    return values


@internal
def column_of(d: Desk, symbol: int, which: int, count: int) -> Floats:
    """Return the first values of a column as an array (count,)."""
    address = ints_at(d.tape_columns)[symbol * N_COLUMNS + which]
    values: Floats = carray(floats_at(address), count)
    return values


@internal
def state_of(d: Desk, symbol: int) -> Floats:
    """Return a symbol's state (N_STATE,)."""
    state: Floats = floats_at(d.run_states + _BYTES * N_STATE * symbol)
    return state


@internal
def terms_of(d: Desk, symbol: int) -> Floats:
    """Return a symbol's terms (N_TERMS,)."""
    terms: Floats = floats_at(d.book_terms + _BYTES * N_TERMS * symbol)
    return terms


@internal
def tiers_of(d: Desk, symbol: int) -> Floats:
    """Return a symbol's risk limits (n_tiers, 3)."""
    rows = d.tier_rows
    tiers: Floats = carray(floats_at(d.book_tiers + _BYTES * 3 * rows * symbol), (rows, 3))
    return tiers


@internal
def log_of(d: Desk) -> Floats:
    """Return the events (log_rows, N_EVENT)."""
    log: Floats = carray(floats_at(d.made_events), (d.log_rows, N_EVENT))
    return log


@internal
def orders_of(d: Desk) -> Floats:
    """Return room for planned orders (ORDERS_MAX, 2)."""
    orders: Floats = carray(floats_at(d.run_orders), (ORDERS_MAX, 2))
    return orders


@internal
def opens(d: Desk, row: int) -> int:
    """Return when a row opens, epoch ms."""
    when: int = d.first_ms + row * d.interval_ms
    return when
