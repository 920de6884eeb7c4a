"""Worlds without order: 64 share the bars that a policy allows, or there are none."""

from __future__ import annotations

import pytest

from autarch.market.load import load_market
from ci.checks.placebo import block_bars, rows_within, shares_of

DAY = 96  # quarters of an hour


@pytest.fixture(scope="module")
def market(inputs):
    return load_market(inputs.lock, split="train", symbols=("BTCUSDT", "ETHUSDT"), interval="15m", stores=inputs.stores)


def test_each_of_sixty_four_gets_an_equal_part_of_the_bars_for_each_symbol(market) -> None:
    assert rows_within(market, bars=64 * 2 * 1_000, warmup=100, block=100) == 1_000
    assert rows_within(market, bars=10**9, warmup=100, block=100) == market.n_bars


def test_worlds_too_short_for_two_blocks_are_none(market) -> None:
    assert rows_within(market, bars=64 * 2 * 400, warmup=100, block=100) == 400
    assert rows_within(market, bars=64 * 2 * 399, warmup=100, block=100) == 0


@pytest.mark.parametrize(("holding", "bars"), [(None, DAY), (0.5, 1), (7.9, 1), (8.0, 2), (40.0, 10), (10_000.0, DAY)])
def test_blocks_are_a_quarter_of_the_mean_holding_time_from_a_bar_to_a_day(holding, bars) -> None:
    assert block_bars(holding, interval_ms=900_000) == bars


@pytest.mark.parametrize("kinds", [3, 4])
def test_sixty_three_worlds_are_shared_out_once_each_and_evenly_among_the_kinds(kinds) -> None:
    shares = shares_of(kinds)

    assert sorted(number for kind in shares for part in kind for number in part) == list(range(63))
    assert {sum(map(len, kind)) for kind in shares} <= {63 // kinds, 63 // kinds + 1}
