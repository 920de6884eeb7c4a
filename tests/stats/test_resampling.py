"""The stationary bootstrap: rows that exist, blocks that hang together, an interval of actual values."""

from __future__ import annotations

import numpy as np

from autarch.stats.resampling import interval, stationary_rows


def test_blocks_run_on_from_row_to_row_and_wrap_around():
    rows = stationary_rows(50, resamples=200, mean_block=10.0, rng=np.random.default_rng(1))

    follows = (rows[:, 1:] - rows[:, :-1]) % 50 == 1
    assert rows.shape == (200, 50)
    assert (rows.min(), rows.max()) == (0, 49)
    assert 0.88 < follows.mean() < 0.93  # nine times in ten the next row follows, and by chance once in fifty


def test_blocks_of_one_are_independent_draws_of_every_row_alike():
    rows = stationary_rows(10, resamples=5_000, mean_block=1.0, rng=np.random.default_rng(2))

    shares = np.bincount(rows.ravel(), minlength=10) / rows.size
    assert np.abs(shares - 0.1).max() < 0.01


def test_the_same_seed_gives_the_same_rows():
    one, same = (stationary_rows(30, resamples=5, mean_block=4.0, rng=np.random.default_rng(3)) for _ in range(2))

    assert (one == same).all()


def test_an_interval_holds_the_middle_and_its_ends_are_values_that_occurred():
    values = np.arange(100.0)[::-1]

    assert interval(values, level=0.9) == (4.0, 94.0)  # the 5th and the 95th of a hundred
    assert interval(np.array([3.0]), level=0.5) == (3.0, 3.0)


def test_a_bootstrapped_mean_spreads_as_the_mean_of_independent_days_does():
    rng = np.random.default_rng(4)
    daily = rng.normal(0.0, 1.0, 400)

    means = daily[stationary_rows(400, resamples=2_000, mean_block=5.0, rng=rng)].mean(axis=1)

    assert 0.8 < means.std() / (daily.std() / 20.0) < 1.2  # deviation over the root of 400
