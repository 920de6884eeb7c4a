"""What is packed for the kernel: tables of one shape, and which rows of a market count for what."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.engine import terms
from autarch.engine.packing import _depth, listed_rows, paid_stamps, settled_row, stacked_tiers
from autarch.errors import DataError

BAR_MS = 900_000


def test_a_shorter_table_of_tiers_repeats_its_last() -> None:
    short = np.array([[1.0, 2.0, 3.0]])
    long = np.array([[4.0, 5.0, 6.0], [7.0, 8.0, 9.0], [10.0, 11.0, 12.0]])

    stacked = stacked_tiers([short, long])

    assert stacked.tolist() == [[[1.0, 2.0, 3.0]] * 3, long.tolist()]


@pytest.mark.parametrize(
    ("listed", "delisted", "rows"),
    [
        (None, None, [0, 1, 2, 3]),
        (0, 4, [0, 1, 2, 3]),
        (1, None, [1, 2, 3]),
        (None, 2, [0, 1]),
        (1, 3, [1, 2]),
        (1, 4, [1, 2, 3]),
        (0, 2, [0, 1]),
    ],
)
def test_orders_fill_in_bars_that_open_within_the_listing(desk, listed, delisted, rows) -> None:
    market = desk.market(desk.series([(100.0, 101.0, 99.0, 100.0)] * 4))
    at = {
        name: None if bar is None else desk.start_ms + bar * BAR_MS
        for name, bar in (("listed_ms", listed), ("delisted_ms", delisted))
    }

    found = listed_rows(market, market.series[0], desk.instrument(**at))

    assert np.flatnonzero(found).tolist() == rows


@pytest.mark.parametrize(("after_ms", "row"), [(0, 4), (1, 0), (BAR_MS, 0), (BAR_MS + 1, 1), (4 * BAR_MS + 1, 4)])
def test_a_delisted_symbol_is_settled_in_the_last_bar_that_opens_before(desk, after_ms, row) -> None:
    market = desk.market(desk.series([(100.0, 101.0, 99.0, 100.0)] * 4))

    assert settled_row(market, desk.instrument(delisted_ms=desk.start_ms + after_ms)) == row


def test_stamps_before_the_delisting_are_paid_and_out_of_order_they_are_refused(desk) -> None:
    stamped = desk.series([(100.0, 101.0, 99.0, 100.0)] * 2, funding={0: 0.1, 1: 0.1, BAR_MS: 0.1})
    stamped_twice = desk.series([(100.0, 101.0, 99.0, 100.0)] * 2, funding={0: 0.1, 1: 0.1})
    stamped_twice.funding_ms[1] = stamped_twice.funding_ms[0]

    assert paid_stamps(stamped, desk.instrument()) == 3
    assert paid_stamps(stamped, desk.instrument(delisted_ms=desk.start_ms + BAR_MS)) == 2
    with pytest.raises(DataError, match="do not ascend"):
        paid_stamps(stamped_twice, desk.instrument())


def test_depth_by_larger_bars_is_their_volume_at_their_typical_price_and_none_where_a_row_lacks(desk) -> None:
    # The series begins on a whole half hour. Two bars of 10 coins each: high 104, low 97, close 102: 20 x 303 / 3.
    rows = [(100.0, 103.0, 97.0, 100.0), (100.0, 104.0, 99.0, 102.0), (100.0, 101.0, 99.0, 100.0), (100.0,) * 4]
    market = desk.market(desk.series(rows, turnover=[1000.0, 1020.0, 1000.0, 1000.0], traded=[True, True, True, False]))

    assert _depth(market, market.series[0], 1).tolist() == [1000.0, 1020.0, 1000.0, 1000.0]
    assert _depth(market, market.series[0], 2).tolist() == [2020.0, 0.0]


def test_every_column_of_the_terms_has_one_name() -> None:
    columns = [
        value
        for name, value in vars(terms).items()
        if name.isupper() and type(value) is int and not name.startswith(("TIER_", "_"))
    ]
    columns.remove(terms.N_TERMS)

    assert sorted(columns) == list(range(terms.N_TERMS))
