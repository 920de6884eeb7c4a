"""Beta, correlation and likeness, each against a sum done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from autarch.metrics import alike, beta, correlation
from autarch.metrics.versus import alike_when_held, same_direction

from .by_hand import decisions_of, market_of, series


def test_beta_is_the_slope_and_correlation_its_sign_and_tightness():
    other = np.array([0.01, 0.02, 0.03])

    assert beta(2.0 * other + 0.005, other) == pytest.approx(2.0, rel=1e-12)
    assert correlation(2.0 * other + 0.005, other) == pytest.approx(1.0, rel=1e-12)
    assert beta(-other, other) == pytest.approx(-1.0, rel=1e-12)
    assert beta(np.array([0.02, 0.05, 0.02]), other) == pytest.approx(0.0, abs=1e-12)


def test_a_ruined_series_is_compared_as_far_as_it_goes():
    other = np.array([0.01, 0.02, 0.03, -0.5, 0.7])

    assert beta(3.0 * other[:3], other) == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ([0.1], [0.1]),
        ([], []),
        ([0.1, 0.2], [0.1, 0.1]),
        ([0.1, np.nan, 0.3], [0.1, 0.2, 0.3]),
        ([0.1, 0.2, 0.3], [0.1, np.nan, 0.3]),
    ],
)
def test_without_two_days_spread_or_knowledge_there_is_no_slope(ours, other):
    assert beta(np.array(ours), np.array(other)) is None
    assert correlation(np.array(ours), np.array(other)) is None


def test_a_constant_equity_has_beta_zero_and_no_correlation():
    other = np.array([0.01, -0.02, 0.03])

    assert beta(np.zeros(3), other) == 0.0
    assert correlation(np.zeros(3), other) is None


def test_alike_counts_equal_signs_within_five_per_cent_of_max_leverage():
    market = market_of(series("AAAUSDT", [100] * 5))
    one = decisions_of(market, [1.0, 1.0, 0.0, -0.5, 0.02])
    # alike: equal; 0.05 less; no: 0.02 against flat has another sign; 0.06 off; other side
    other = decisions_of(market, [1.0, 0.95, 0.02, -0.56, -0.02])

    assert alike(one, one) == 1.0
    assert alike(one, other) == pytest.approx(2 / 5)


def test_only_shared_symbols_and_bars_that_count_in_both_are_compared():
    both = market_of(series("AAAUSDT", [100] * 4), series("BBBUSDT", [50] * 4))
    only = market_of(series("BBBUSDT", [50] * 4))
    one = decisions_of(both, [[0.5, 0.5], [0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
    other = replace(decisions_of(only, [0.0, 0.5, 0.5, 0.5]), counts=np.array([[False], [True], [True], [True]]))

    assert alike(one, other) == pytest.approx(2 / 3)  # rows 1 and 3 of B; row 2 has the other sign


def test_a_slice_of_the_sleeve_is_compared_as_a_part_of_the_whole():
    market = market_of(series("AAAUSDT", [100] * 2), series("BBBUSDT", [50] * 2))
    panel = decisions_of(market, [[0.5, 0.5], [0.5, 0.5]])
    each = replace(decisions_of(market, [[1.0, 1.0], [1.0, 0.5]]), mode="each")

    assert alike(panel, each) == pytest.approx(3 / 4)  # 1.0 of a half is 0.5 of the whole; 0.25 is not


def test_nothing_in_common_is_not_the_same_as_nothing_alike():
    market, other = market_of(series("AAAUSDT", [100] * 3)), market_of(series("BBBUSDT", [100] * 3))
    one = decisions_of(market, [1.0, 1.0, 1.0])

    assert alike(one, decisions_of(other, [1.0, 1.0, 1.0])) is None
    assert alike(one, replace(one, interval="1h")) is None
    assert alike(one, replace(one, counts=np.zeros((3, 1), dtype=np.bool_))) is None


def test_alike_when_held_leaves_out_the_bars_on_which_both_are_flat():
    market = market_of(series("AAAUSDT", [100] * 5))
    one, other = decisions_of(market, [0, 0, 0, 1.0, 1.0]), decisions_of(market, [0, 0, 0, 1.0, 0])

    assert alike(one, other) == pytest.approx(4 / 5)
    assert alike_when_held(one, other) == pytest.approx(1 / 2)
    assert alike_when_held(one, decisions_of(market, [0, 0, 0, -1.0, -1.0])) == 0.0
    assert alike_when_held(*[decisions_of(market, [0] * 5)] * 2) is None


def test_a_multiple_has_the_same_direction_whatever_the_multiple():
    market = market_of(series("AAAUSDT", [100] * 4))
    one = decisions_of(market, [0.5, -0.5, 0.0, 1.0])

    assert same_direction(one, decisions_of(market, [0.25, -0.25, 0.0, 0.5])) == pytest.approx(1.0)
    assert same_direction(one, decisions_of(market, [-0.5, 0.5, 0.0, -1.0])) == pytest.approx(-1.0)
    # (0.25 + 1) / sqrt(1.5 * 1.25): the pause of one bar in three
    assert same_direction(one, decisions_of(market, [0.5, 0.0, 0.0, 1.0])) == pytest.approx(1.25 / np.sqrt(1.5 * 1.25))
    assert same_direction(one, decisions_of(market, [0.0] * 4)) is None
