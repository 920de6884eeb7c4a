"""Events of the kernel sorted by what they are, in one pass a table."""

# ruff: noqa: PLR0913, PLR0917  compiled code takes positional scalars and arrays, no objects

from __future__ import annotations

from autarch.engine.jit import compiled, inlined
from autarch.engine.layout import E_KIND, E_SYMBOL
from autarch.market.types import Floats, Ints

Range = tuple[float, float]
"""First and last of the kinds, first and end of the symbols."""


@inlined
def _belongs(events: Floats, event: int, kinds: Range, symbols: Range) -> bool:
    kind, symbol = events[event, E_KIND], events[event, E_SYMBOL]
    return bool(kinds[0] <= kind <= kinds[1] and symbols[0] <= symbol < symbols[1])


@compiled
def count_events(events: Floats, kinds: Range, symbols: Range) -> int:
    """Return how many of the events (n_events, N_EVENT) are of `kinds` and `symbols`."""
    count = 0
    for event in range(events.shape[0]):
        if _belongs(events, event, kinds, symbols):
            count += 1
    return count


@compiled
def copy_events(events: Floats, kinds: Range, symbols: Range, columns: Ints, cells: Floats, whole: Ints) -> None:
    """Write each event of `kinds` and `symbols` as a row of a table whose cells are eight bytes wide.

    Args:
        events: (n_events, N_EVENT).
        kinds: First and last.
        symbols: First and end; the table counts them from the first.
        columns: (n_columns, 2): which field of an event, -1 for its number; and whether it is told as an integer.
        cells: (n_rows, n_columns), the table as floats.
        whole: The same memory as integers.
    """
    row = 0
    for event in range(events.shape[0]):
        if _belongs(events, event, kinds, symbols):
            for column in range(columns.shape[0]):
                field = columns[column, 0]
                value = events[event, field] + 0.0 if field >= 0 else float(event)  # -0.0 is 0.0: one byte string
                if field == E_SYMBOL:
                    value -= symbols[0]
                if columns[column, 1] != 0:
                    whole[row, column] = int(value)
                else:
                    cells[row, column] = value
            row += 1
