"""A constant is no Sharpe ratio, whatever rounding makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.stats.sharpe import sharpe_sample


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
