"""Metrics of the curve, each against a sum done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.metrics import annual_return, calmar, longest_drawdown_bars, max_drawdown, total_return


def test_total_and_annual_return():
    assert total_return(np.array([100.0, 90.0, 121.0]), capital=100.0) == pytest.approx(0.21, rel=1e-12)
    # 21 % in two years is 10 % a year; 10 % in half a year is 21 %
    assert annual_return(0.21, days=730.0) == pytest.approx(0.10, rel=1e-12)
    assert annual_return(0.10, days=182.5) == pytest.approx(0.21, rel=1e-12)


def test_annual_return_where_it_is_undefined_or_all_is_lost():
    assert annual_return(-1.0, days=10.0) == -1.0
    assert annual_return(-1.5, days=10.0) == -1.0
    assert annual_return(None, days=10.0) is None
    assert annual_return(0.1, days=0.0) is None
    assert annual_return(1000.0, days=0.01) is None  # 1001 ** 36500 is beyond any float
    assert total_return(np.empty(0), capital=1.0) is None


def test_drawdown_depth_and_length_count_to_the_end():
    drawdown = np.array([0.0, 0.1, 0.2, 0.0, 0.0, 0.1, 0.1, 0.3])

    assert max_drawdown(drawdown) == 0.3
    assert longest_drawdown_bars(drawdown) == 3
    assert longest_drawdown_bars(np.zeros(4)) == 0
    assert longest_drawdown_bars(np.ones(4)) == 4
    assert longest_drawdown_bars(np.empty(0)) == 0
    assert max_drawdown(np.empty(0)) is None


def test_calmar_needs_a_drawdown():
    assert calmar(0.3, 0.15) == pytest.approx(2.0)
    assert calmar(0.3, 0.0) is None
    assert calmar(None, 0.2) is None
    assert calmar(0.2, None) is None


def test_an_unknown_close_is_no_recovery():
    assert longest_drawdown_bars(np.array([0.1, np.nan, 0.1, 0.0])) == 3
