"""Bars that are off by a hair: each quantity by its own share, up to all of it, and never beyond."""

from __future__ import annotations

import numpy as np

from autarch.market.load import load_market
from ci.checks.heart import _moved, off_by_a_hair


def test_prices_are_off_by_a_basis_point_and_volume_and_rare_rates_by_a_hundredth(inputs) -> None:
    market = load_market(inputs.lock, split="train", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)

    found = off_by_a_hair(market, np.random.default_rng(1))

    (before,), (after,) = market.series, found.series
    traded = before.turnover > 0.0
    moved = {
        "price": np.abs(after.close / before.close - 1.0).max(),
        "turnover": np.abs(after.turnover[traded] / before.turnover[traded] - 1.0).max(),
        "funding": np.abs(after.funding_rate / before.funding_rate - 1.0).max(),
    }
    shares = {"price": 1e-4, "turnover": 1e-2, "funding": 1e-2}
    for name, share in shares.items():  # thousands of draws come within a tenth of the largest
        assert 0.9 * share < moved[name] <= share * (1.0 + 1e-9), name


def test_whole_numbers_move_by_a_hundredth_towards_zero_and_by_one_at_least() -> None:
    rng = np.random.default_rng(1)

    assert [_moved(value, rng) for value in (1234, -1234, 31)] == [1222, -1222, 30]  # 12.34 rounds to 12, 0.31 to 1
