"""Round trips and independent bets from hand-made tables."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.engine import layout as at
from autarch.engine.result import FILL, FUNDING
from autarch.metrics import TRIP, independent_bets, round_trips


def fills(*rows):
    """(row, symbol, kind, phase, qty, realised, fee, position after)"""
    table = np.zeros(len(rows), dtype=FILL)
    for seq, (row, symbol, kind, phase, qty, realised, fee, position) in enumerate(rows):
        table[seq] = (10 * seq, row, 0, symbol, kind, phase, qty, 100.0, 100.0, fee, 0.0, realised, position)
    return table


def paid(*rows):
    """(seq, row, symbol, payment)"""
    table = np.zeros(len(rows), dtype=FUNDING)
    for index, (seq, row, symbol, payment) in enumerate(rows):
        table[index] = (seq, row, 0, symbol, 1.0, 100.0, 0.01, payment)
    return table


def trips(*spans):
    table = np.zeros(len(spans), dtype=TRIP)
    for index, (entry, leave, phase) in enumerate(spans):
        table[index]["entry_row"], table[index]["exit_row"], table[index]["exit_phase"] = entry, leave, phase
    return table


def test_a_flip_ends_one_trip_and_begins_another():
    table = fills(
        (1, 0, at.ENTRY_FILL, 0, 2.0, 0.0, 1.0, 2.0),
        (2, 0, at.ENTRY_FILL, 0, 3.0, 0.0, 1.0, 5.0),
        (4, 0, at.REDUCE, 0, -1.0, 4.0, 1.0, 4.0),
        (6, 0, at.CLOSE, 0, -4.0, 20.0, 1.0, 0.0),
        (6, 0, at.ENTRY_FILL, 0, -1.0, 0.0, 1.0, -1.0),
        (7, 0, at.STOP_OUT, 1, 1.0, -5.0, 1.0, 0.0),
        (9, 0, at.ENTRY_FILL, 0, 1.0, 0.0, 1.0, 1.0),
    )

    found = round_trips(table)

    # 4 + 20 - 4 fees = 20; -5 - 2 fees = -7; the last is still open
    assert found["profit"].tolist() == [20.0, -7.0]
    assert found["side"].tolist() == [1, -1]
    assert found["entry_row"].tolist() == [1, 6]
    assert found["exit_row"].tolist() == [6, 7]
    assert found["exit_kind"].tolist() == [at.CLOSE, at.STOP_OUT]
    assert found["qty"].tolist() == [5.0, 1.0]
    assert found["fees"].tolist() == [4.0, 2.0]


def test_funding_is_charged_to_the_trip_that_held_the_position():
    # seq of fills: 0, 10, 20, 30; at row 6 the old position pays before it is closed, the new one inside the bar
    table = fills(
        (1, 0, at.ENTRY_FILL, 0, 2.0, 0.0, 0.0, 2.0),
        (6, 0, at.CLOSE, 0, -2.0, 0.0, 0.0, 0.0),
        (6, 0, at.ENTRY_FILL, 0, -1.0, 0.0, 0.0, -1.0),
        (8, 0, at.CLOSE, 0, 1.0, 0.0, 0.0, 0.0),
    )

    found = round_trips(table, paid((5, 6, 0, 3.0), (25, 6, 0, -1.0), (27, 7, 1, 50.0)))

    assert found["funding"].tolist() == [3.0, -1.0]
    assert found["profit"].tolist() == [-3.0, 1.0]


def test_funding_of_a_position_still_open_is_charged_to_no_trip():
    table = fills(
        (1, 0, at.ENTRY_FILL, 0, 2.0, 0.0, 0.0, 2.0),
        (2, 0, at.CLOSE, 0, -2.0, 0.0, 0.0, 0.0),
        (3, 0, at.ENTRY_FILL, 0, 2.0, 0.0, 0.0, 2.0),
    )

    assert round_trips(table, paid((25, 4, 0, 9.0)))["funding"].tolist() == [0.0]


def test_trips_of_several_symbols_are_ordered_by_exit():
    table = fills(
        (1, 1, at.ENTRY_FILL, 0, 1.0, 0.0, 0.0, 1.0),
        (2, 0, at.ENTRY_FILL, 0, 1.0, 0.0, 0.0, 1.0),
        (3, 0, at.CLOSE, 0, -1.0, 1.0, 0.0, 0.0),
        (9, 1, at.CLOSE, 0, -1.0, 2.0, 0.0, 0.0),
    )

    assert round_trips(table)["symbol"].tolist() == [0, 1]


def test_no_fills_no_trips():
    assert round_trips(fills()).size == 0
    assert independent_bets(round_trips(fills())) == 0
    assert round_trips(fills((1, 0, at.ENTRY_FILL, 0, 1.0, 0.0, 0.0, 1.0))).size == 0


def test_independent_bets_are_picked_greedily_by_exit():
    # [0, 10] would block three; [0, 2], [2, 4], [5, 8] do not overlap
    assert independent_bets(trips((0, 10, 0), (0, 2, 0), (2, 4, 0), (3, 5, 0), (5, 8, 0))) == 3


def test_touching_at_an_open_is_independent_and_inside_a_bar_is_not():
    assert independent_bets(trips((0, 2, 0), (2, 4, 0))) == 2
    # the first left inside bar 2, after the second had entered at its open
    assert independent_bets(trips((0, 2, 1), (2, 4, 0))) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 4), st.integers(0, 1)).filter(lambda s: s[1] + s[2] > 0), max_size=7
    )
)
def test_greedy_picks_as_many_as_any_choice_could(spans):
    table = trips(*[(entry, entry + length, phase) for entry, length, phase in spans])
    clock = [(2 * e, 2 * (e + n) + p) for e, n, p in spans]

    def apart(chosen):
        return all(a[1] <= b[0] or b[1] <= a[0] for a, b in combinations(chosen, 2))

    best = max(k for k in range(len(clock) + 1) if any(apart(c) for c in combinations(clock, k)))
    assert independent_bets(table) == best


def test_trips_from_a_real_run_add_up_to_its_totals():
    rng = np.random.default_rng(2)
    steps, position, rows = [], 0.0, []
    for row in range(1, 200):
        target = float(rng.integers(-3, 4))
        for leg in [-position, target] if position * target < 0 else [target - position]:
            if leg:
                position += leg
                steps.append((row, 0, at.ENTRY_FILL, 0, leg, float(rng.normal()), float(rng.random()), position))
    while steps[-1][7] != 0.0:
        steps.pop()
    rows = fills(*steps)

    found = round_trips(rows)

    assert found["profit"].sum() == pytest.approx(rows["realised"].sum() - rows["fee"].sum(), rel=1e-9)
    assert found["qty"].sum() * 2 == pytest.approx(np.abs(rows["qty"]).sum(), rel=1e-9)
