"""What the kernel reads, as compiled code takes it: bars where they lie in memory, rules, wishes.

Bars are handed over by address, since a market keeps each column of each symbol as an array of its own
and gathering them would copy the market. Whoever builds a `Tape` keeps those arrays alive, contiguous and
float64 (`packing.Packed`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

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
