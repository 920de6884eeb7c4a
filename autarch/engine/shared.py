"""A margin that the whole account shares, as the kernel tries it: in every row, by the rules of `margin`."""

from __future__ import annotations

from numba import carray  # type: ignore[attr-defined]

from autarch.engine.desk import Desk, column, floats_at, ints_at, log_of, opens, state_of
from autarch.engine.jit import apart, internal
from autarch.engine.layout import AT_OPEN, E_ROW, E_TIME, N_STATE
from autarch.engine.margin import is_called, take_over, worst_at_open, worst_inside
from autarch.engine.marks import mark_symbol, stands
from autarch.engine.tape import CLOSE, HIGH, LOW, OPEN
from autarch.engine.terms import N_TERMS
from autarch.market.types import Floats


@apart
def is_called_between(d: Desk, row: int) -> bool:
    """Return whether a bar in which no symbol is due liquidates the shared margin; note the distance if not."""
    _try_at_open(d, row)
    if _is_called(d):
        return True
    _try_inside(d, row)
    return bool(_is_called(d))


@apart
def call(d: Desk, row: int, phase: float) -> None:
    """Liquidate the whole account if its shared margin does not hold in this phase of the bar."""
    if phase == AT_OPEN:
        _try_at_open(d, row)
    else:
        _try_inside(d, row)
    if not _is_called(d):
        return
    for j in range(d.symbols):
        mark_symbol(d, j, row)
    first, log = d.used, log_of(d)
    d.used = take_over(
        _states(d),
        _terms(d),
        _tiers(d),
        _prices(d, d.run_worst),
        _prices(d, d.run_last),
        _capital(d),
        phase,
        log,
        first,
    )
    for event in range(first, d.used):
        log[event, E_ROW] = row
        log[event, E_TIME] = opens(d, row)
    all_due(d, row)
    broke = ints_at(d.run_broke)
    for sleeve in range(d.sleeves + 1):
        if stands(broke[sleeve], row):
            broke[sleeve] = row


@internal
def all_due(d: Desk, row: int) -> None:
    """Have every symbol played in `row`."""
    due, looking = ints_at(d.run_due), ints_at(d.run_looking)
    for j in range(d.symbols):
        due[j], looking[j] = row, 0


@internal
def _try_at_open(d: Desk, row: int) -> None:
    worst, last = floats_at(d.run_worst), floats_at(d.run_last)
    for j in range(d.symbols):
        worst[j] = worst_at_open(state_of(d, j), column(d, j, OPEN, row)[0])
        last[j] = column(d, j, CLOSE, max(0, row - 1))[0]


@internal
def _try_inside(d: Desk, row: int) -> None:
    worst, last = floats_at(d.run_worst), floats_at(d.run_last)
    for j in range(d.symbols):
        open_, high, low = column(d, j, OPEN, row)[0], column(d, j, HIGH, row)[0], column(d, j, LOW, row)[0]
        worst[j] = worst_inside(state_of(d, j), open_, high, low)
        last[j] = open_


@internal
def _is_called(d: Desk) -> bool:
    return is_called(_states(d), _terms(d), _tiers(d), _prices(d, d.run_worst), _capital(d))


@internal
def _states(d: Desk) -> Floats:
    states: Floats = carray(floats_at(d.run_states), (d.symbols, N_STATE))
    return states


@internal
def _terms(d: Desk) -> Floats:
    terms: Floats = carray(floats_at(d.book_terms), (d.symbols, N_TERMS))
    return terms


@internal
def _tiers(d: Desk) -> Floats:
    tiers: Floats = carray(floats_at(d.book_tiers), (d.symbols, d.tier_rows, 3))
    return tiers


@internal
def _prices(d: Desk, address: int) -> Floats:
    prices: Floats = carray(floats_at(address), d.symbols)
    return prices


@internal
def _capital(d: Desk) -> float:
    capital, capitals = d.spare, floats_at(d.book_capitals)
    for sleeve in range(d.sleeves):
        capital += capitals[sleeve]
    return float(capital)
