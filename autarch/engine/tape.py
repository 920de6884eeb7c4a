"""What the kernel reads, as compiled code takes it: bars where they lie in memory, rules, wishes.

Bars are handed over by address, since a market keeps each column of each symbol as an array of its own
and gathering them would copy the market. Whoever builds a `Tape` keeps those arrays alive, contiguous and
float64 (`packing.Packed`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numba import carray, types  # type: ignore[attr-defined]
from numba.core import cgutils

from autarch.engine.jit import generated, internal
from autarch.market.types import Bools, Floats, Ints

OPEN, HIGH, LOW, CLOSE, TURNOVER = 0, 1, 2, 3, 4
N_COLUMNS: Final = 5

FACTOR, LEAD, N_DEPTH = 0, 1, 2


class Tape(NamedTuple):
    """A market of n bars and m symbols with k funding stamps."""

    n_bars: int
    first_ms: int  # open of the first bar, epoch ms; the grid has no holes
    interval_ms: int
    columns: Ints  # (m, N_COLUMNS) addresses of arrays of n floats; turnover by its own clock, see `depth`
    traded: Bools  # (m, n)
    depth: Ints  # (m, N_DEPTH): rows that make one bar of turnover, and the row at which the first begins
    settled: Ints  # (m,) row at whose close the venue delists the symbol; n for never
    stamps: Ints  # (k,) epoch ms, ascending, symbol after symbol
    rates: Floats  # (k,)
    marks: Floats  # (k,) mark price at each stamp
    offsets: Ints  # (m + 1,) where each symbol's stamps begin


class Book(NamedTuple):
    """Who trades by which numbers: g sleeves of one account, their symbols one after another."""

    terms: Floats  # (m, N_TERMS)
    tiers: Floats  # (m, n_tiers, 3)
    sleeves: Ints  # (g + 1,) where each sleeve's symbols begin
    capitals: Floats  # (g,) quote each sleeve starts with
    spare: float  # quote that no sleeve has
    shared: bool  # margin is the account's (cross), not each position's own


class Wish(NamedTuple):
    """What is decided; a single row of distances counts for every bar."""

    wanted: Floats  # (n, m) exposures, or signed coins
    stops: Floats  # (n, m) or (1, m), NaN for none
    takes: Floats  # likewise
    in_coins: bool


@generated
def _pointer(_context: Any, _address: Any) -> Any:
    signature = types.CPointer(types.float64)(types.int64)  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, called: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(called.return_type))

    return signature, generate


@generated
def borrowed(_context: Any, counted: Any) -> Any:
    """Return an array, or a tuple with all its arrays, without counting another reference to their memory.

    Counting is atomic, and a bar's rules pass dozens of arrays on: it would take nearly all of the
    kernel's time. The caller keeps what is counted until the borrowed one is of no more use.
    """

    def uncounted(context: Any, builder: Any, kind: Any, value: Any) -> Any:
        if not isinstance(kind, types.Array):
            return value
        view = cgutils.create_struct_proxy(kind)(context, builder, value)  # type: ignore[no-untyped-call]
        view.meminfo = context.get_constant_null(types.MemInfoPointer(types.voidptr))  # type: ignore[no-untyped-call]
        return view._getvalue()  # noqa: SLF001  numba's own way to read a struct

    def generate(context: Any, builder: Any, called: Any, arguments: Any) -> Any:
        kind = called.return_type
        if not isinstance(kind, types.NamedTuple):
            return uncounted(context, builder, kind, arguments[0])
        parts = cgutils.unpack_tuple(builder, arguments[0])  # type: ignore[no-untyped-call]
        lent = [uncounted(context, builder, own, part) for own, part in zip(kind.types, parts, strict=True)]
        return context.make_tuple(builder, kind, lent)

    return counted(counted), generate


@internal
def column(tape: Tape, symbol: int, which: int) -> Floats:
    """Return a column of a symbol's bars, (n,)."""
    values: Floats = carray(_pointer(tape.columns[symbol, which]), tape.n_bars)
    return values


@internal
def flat(array: Floats) -> Floats:
    """Return a contiguous array's values in one row, as `reshape(-1)` does by a call for each."""
    values: Floats = carray(_pointer(array.ctypes.data), array.size)
    return values
