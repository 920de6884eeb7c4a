"""A constant has no Sharpe ratio, whatever rounding makes of it, and a handful of days no p-value."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.stats.sharpe import ACTIVE_DAYS_FOR_TEST, p_value, require_active, sharpe_sample


@pytest.mark.parametrize("level", [0.0013, 0.37])
def test_a_constant_with_rounding_in_it_is_undecided(level):
    returns = (np.full(200, level) + 0.1) - 0.1  # not all bits are those of `level`
    returns[::2] = level

    with pytest.raises(UndecidedError, match="no spread"):
        sharpe_sample(returns)


def test_the_smallest_spread_that_is_kept_of_returns_has_a_ratio():
    returns = np.tile([0.2, 0.20001], 100)  # one unit of 1e-5 on a fifth

    with pytest.raises(ValueError, match="annual or wrong"):
        sharpe_sample(returns)
    assert sharpe_sample(returns - 0.200005).ratio == pytest.approx(0.0, abs=1e-9)


def test_a_few_winning_days_among_flat_ones_are_no_test():
    # Three wins of three have one chance in eight without an edge; told as a p-value they would pass at 0.0027.
    returns = np.zeros(68)
    returns[[5, 30, 60]] = (0.01, 0.012, 0.011)

    assert p_value(sharpe_sample(returns)) < 0.0027
    with pytest.raises(UndecidedError, match="3 of 68 days"):
        require_active(returns)


def test_the_thirtieth_day_is_enough():
    returns = np.zeros(200)
    returns[:ACTIVE_DAYS_FOR_TEST] = 0.01

    require_active(returns)
    returns[0] = 0.0
    with pytest.raises(UndecidedError, match="29 of 200"):
        require_active(returns)
