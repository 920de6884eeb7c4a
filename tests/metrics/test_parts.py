"""Folds, walk-forward, regimes and what is left without luck, by sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.metrics.concentration import effective_count, return_without_best, return_without_best_day
from autarch.metrics.folds import fold_returns, walk_forward
from autarch.metrics.regimes import regimes

DAY = 86_400_000


def test_a_fold_earns_the_product_of_its_days():
    daily = np.array([0.1, 0.1, -0.5, 0.0, 1.0])

    # parts of 2, 2, 1 days: 1.1 * 1.1 - 1, 0.5 * 1 - 1, 2 - 1
    assert fold_returns(daily, folds=3).tolist() == pytest.approx([0.21, -0.5, 1.0])


def test_more_folds_than_days_leave_empty_ones_that_earned_nothing():
    assert fold_returns(np.array([0.1]), folds=3).tolist() == pytest.approx([0.1, 0.0, 0.0])


def test_walk_forward_plays_what_was_best_before_and_never_looks_ahead():
    declared = np.array([0.01, -0.01, 0.01, -0.01, 0.05, 0.06])
    rival = np.array([0.02, 0.01, 0.02, 0.01, -0.05, -0.06])

    played, chosen = walk_forward(np.stack([declared, rival]), folds=3)

    assert chosen.tolist() == [0, 1, 1]  # the rival led after two days and after four
    assert played.tolist() == [0.01, -0.01, 0.02, 0.01, -0.05, -0.06]


def test_walk_forward_keeps_the_declared_set_among_equals():
    daily = np.array([0.01, 0.02, 0.03, 0.01])

    assert walk_forward(np.stack([daily, daily]), folds=2)[1].tolist() == [0, 0]


def test_the_best_trade_and_the_best_day_are_taken_away():
    # 30 % of 1,000 in all, of which the best trip brought 250
    assert return_without_best(np.array([250.0, -50.0, 100.0]), total=0.3, capital=1000.0) == pytest.approx(0.05)
    assert return_without_best(np.array([-5.0]), total=-0.1, capital=1000.0) == -0.1
    assert return_without_best(np.empty(0), total=0.2, capital=1000.0) == 0.2
    assert return_without_best_day(np.array([0.1, 0.5, -0.2])) == pytest.approx(1.1 * 0.8 - 1)
    assert return_without_best_day(np.empty(0)) == 0.0


def test_the_effective_count_is_how_many_equal_parts_the_sizes_amount_to():
    assert effective_count(np.array([5.0, -5.0, 5.0, 5.0])) == pytest.approx(4.0)
    # one ride of 100 beside forty of 0.1: 104 ** 2 / (10,000 + 0.4)
    assert effective_count(np.array([100.0] + [0.1] * 40)) == pytest.approx(104.0**2 / 10_000.4)
    assert effective_count(np.empty(0)) == effective_count(np.zeros(3)) == 0.0


def test_days_are_thirds_by_volatility_and_by_trend():
    moves = np.concatenate([np.tile([0.001, -0.001], 30), np.full(60, -0.01), np.tile([0.1, -0.05], 30)])
    held = 100.0 * np.cumprod(1.0 + moves)
    ts = DAY * np.arange(20_000, 20_000 + held.size, dtype=np.int64)

    found = regimes(held, ts, interval_ms=DAY)

    assert [int(found[name].sum()) for name in ("calm", "usual", "wild", "falling", "sideways", "rising")] == [60] * 6
    assert found["wild"][-40:].all()
    assert found["falling"][85:115].all()
    assert found["rising"][-40:].all()
    assert not (found["calm"] & found["wild"]).any()
