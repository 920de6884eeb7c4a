"""Metrics on the daily clock, each against a sum done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.metrics import (
    daily_returns,
    expected_shortfall,
    kurtosis,
    sharpe,
    skew,
    sortino,
    volatility,
    worst_day,
)

HOUR = 3_600_000
DAY = 24 * HOUR
MIDNIGHT = 19_676 * DAY  # some UTC midnight


def test_a_day_ends_with_the_bar_that_closes_at_midnight():
    # 12 h bars from midnight: closes at 12:00 and 24:00. Day 1: 100 -> 110; day 2: 110 -> 99
    ts = MIDNIGHT + 12 * HOUR * np.arange(4)

    returns = daily_returns(np.array([100.0, 110.0, 105.0, 99.0]), ts, interval_ms=12 * HOUR)

    assert returns == pytest.approx([0.10, -0.10], rel=1e-12)


def test_part_days_at_both_ends_count_as_days():
    # bars from 18:00: one 6 h bar on the first day, four on the second, one on the third
    ts = MIDNIGHT + 18 * HOUR + 6 * HOUR * np.arange(6)
    equity = np.array([100.0, 100.0, 100.0, 100.0, 120.0, 60.0])

    assert daily_returns(equity, ts, interval_ms=6 * HOUR) == pytest.approx([0.0, 0.2, -0.5], rel=1e-12)


def test_daily_bars_give_one_return_each():
    ts = MIDNIGHT + DAY * np.arange(3)

    assert daily_returns(np.array([100.0, 101.0, 90.9]), ts, interval_ms=DAY) == pytest.approx([0.0, 0.01, -0.1])


def test_returns_end_with_the_day_of_ruin():
    ts = MIDNIGHT + DAY * np.arange(4)

    assert daily_returns(np.array([100.0, -20.0, -20.0, 50.0]), ts, interval_ms=DAY) == pytest.approx([0.0, -1.2])


def test_no_bars_no_returns_and_mismatched_arrays_are_a_bug():
    assert daily_returns(np.empty(0), np.empty(0, dtype=np.int64), interval_ms=DAY).size == 0
    with pytest.raises(ValueError, match="parallel"):
        daily_returns(np.ones(3), np.zeros(2, dtype=np.int64), interval_ms=DAY)


def test_sharpe_and_volatility_by_hand():
    # mean 0.01; deviations 0.01, -0.01, 0: sample variance 0.0002 / 2 = 0.0001, deviation 0.01
    returns = np.array([0.02, 0.0, 0.01])

    assert volatility(returns) == pytest.approx(0.01 * math.sqrt(365), rel=1e-12)
    assert sharpe(returns) == pytest.approx(math.sqrt(365), rel=1e-12)


def test_sortino_by_hand():
    # mean (0.03 - 0.01 + 0.01 + 0.01) / 4 = 0.01; downside sqrt(0.0001 / 4) = 0.005
    assert sortino(np.array([0.03, -0.01, 0.01, 0.01])) == pytest.approx(2 * math.sqrt(365), rel=1e-12)


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01], [0.0, 0.0, 0.0]])
def test_a_ratio_without_spread_is_none(returns):
    assert sharpe(np.array(returns)) is None
    assert sortino(np.array(returns)) is None


def test_a_constant_that_floats_cannot_hold_exactly_has_no_spread():
    # the deviation of equal floats may be 1e-18 and the ratio astronomic
    assert sharpe(np.full(30, 0.1)) is None


def test_expected_shortfall_averages_the_worst_share_rounded_up():
    # 40 days, worst 5 % = 2 days: (0.10 + 0.06) / 2; worst 1 % = 0.4, so one day
    returns = np.concatenate([[-0.10, -0.06], np.full(38, 0.01)])

    assert expected_shortfall(returns, level=0.95) == pytest.approx(0.08, rel=1e-12)
    assert expected_shortfall(returns, level=0.99) == pytest.approx(0.10, rel=1e-12)
    # 20 days: 5 % is exactly one, though 1 - 0.95 is 0.050000000000000044 as a float
    assert expected_shortfall(returns[:20], level=0.95) == pytest.approx(0.10, rel=1e-12)
    assert worst_day(returns) == -0.10


def test_expected_shortfall_of_nothing_and_at_a_nonsense_level():
    assert expected_shortfall(np.empty(0), level=0.95) is None
    assert worst_day(np.empty(0)) is None
    with pytest.raises(ValueError, match="level"):
        expected_shortfall(np.zeros(3), level=1.0)


@given(st.lists(st.floats(-0.9, 2.0), min_size=1, max_size=60))
def test_shortfall_is_at_least_as_bad_as_the_mean_and_no_worse_than_the_worst_day(returns):
    array = np.array(returns)

    tail = expected_shortfall(array, level=0.95)
    deeper = expected_shortfall(array, level=0.99)

    assert -array.mean() - 1e-12 <= tail <= deeper + 1e-12 <= -array.min() + 2e-12


def test_skew_and_kurtosis_by_hand():
    # mean 1; deviations -1 -1 -1 3: m2 = 12 / 4 = 3, m3 = 24 / 4 = 6, m4 = 84 / 4 = 21
    returns = np.array([0.0, 0.0, 0.0, 4.0])

    assert skew(returns) == pytest.approx(6 / 3**1.5, rel=1e-12)
    assert kurtosis(returns) == pytest.approx(21 / 9, rel=1e-12)


def test_a_normal_has_kurtosis_three_and_no_excess():
    returns = np.random.default_rng(3).normal(0.001, 0.02, 200_000)

    assert kurtosis(returns) == pytest.approx(3.0, abs=0.05)
    assert skew(returns) == pytest.approx(0.0, abs=0.02)


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=40))
def test_no_sample_has_less_kurtosis_than_one_and_its_skew_squared(returns):
    g3, g4 = skew(np.array(returns)), kurtosis(np.array(returns))

    assert (g3 is None) == (g4 is None)
    assert g3 is None or g4 >= (1.0 + g3**2) * (1.0 - 1e-6)


@pytest.mark.parametrize("place", [0, 7, 19])
def test_an_unknown_day_makes_every_number_unknown(place):
    returns = np.linspace(-0.05, 0.05, 20)
    returns[place] = np.nan

    for number in (volatility, sharpe, sortino, skew, kurtosis, worst_day):
        assert number(returns) is None, number.__name__
    assert expected_shortfall(returns, level=0.95) is None
    assert expected_shortfall(returns, level=0.99) is None


@pytest.mark.parametrize("returns", [[], [0.01], [0.02, 0.02, 0.02]])
def test_moments_without_spread_are_none(returns):
    assert skew(np.array(returns)) is None
    assert kurtosis(np.array(returns)) is None
