"""Where empyrical defines a number as we do, ours equals its; where it does not, the difference is shown."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autarch.metrics import (
    annual_return,
    beta,
    calmar,
    expected_shortfall,
    max_drawdown,
    sharpe,
    sortino,
    total_return,
    volatility,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it warns of while it is imported is its own
    import empyrical

YEAR = 365
DAILY = st.lists(st.floats(-0.2, 0.25), min_size=3, max_size=120).map(np.array)


def curve(returns):
    """Return equity after each day, and the fraction below its peak, from 1.0."""
    equity = np.cumprod(1.0 + returns)
    return equity, 1.0 - equity / np.maximum.accumulate(np.maximum(equity, 1.0))


@given(DAILY)
def test_returns_volatility_and_ratios_are_empyrical_s_on_a_year_of_365_days(returns):
    assume(np.ptp(returns) > 1e-6)
    equity, _ = curve(returns)
    total = total_return(equity, capital=1.0)

    assert total == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9, abs=1e-12)
    ours = annual_return(total, days=float(returns.size))
    assert ours == pytest.approx(empyrical.annual_return(returns, annualization=YEAR), rel=1e-7, abs=1e-12)
    assert volatility(returns) == pytest.approx(empyrical.annual_volatility(returns, annualization=YEAR), rel=1e-9)
    assert sharpe(returns) == pytest.approx(empyrical.sharpe_ratio(returns, annualization=YEAR), rel=1e-9, abs=1e-12)


@given(DAILY)
def test_sortino_is_empyrical_s_where_a_day_lost(returns):
    assume(returns.min() < -1e-6)

    assert sortino(returns) == pytest.approx(empyrical.sortino_ratio(returns, annualization=YEAR), rel=1e-9, abs=1e-12)


@given(DAILY)
def test_drawdown_and_calmar_are_empyrical_s_on_daily_bars(returns):
    equity, under = curve(returns)
    assume(under.max() > 1e-6)
    annual = annual_return(total_return(equity, capital=1.0), days=float(returns.size))

    assert max_drawdown(under) == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-9)
    theirs = empyrical.calmar_ratio(returns, annualization=YEAR)
    assert calmar(annual, max_drawdown(under)) == pytest.approx(theirs, rel=1e-7)


@given(DAILY, st.sampled_from([0.95, 0.99]))
def test_expected_shortfall_is_minus_empyrical_s_conditional_value_at_risk(returns, level):
    theirs = empyrical.conditional_value_at_risk(returns, cutoff=1.0 - level)

    # It averages int((n - 1) * cutoff) + 1 days, which is our ceil(n * cutoff) for every n here.
    assert expected_shortfall(returns, level=level) == pytest.approx(-theirs, rel=1e-9, abs=1e-12)


@given(DAILY, st.integers(0, 2**32 - 1))
def test_beta_is_empyrical_s(returns, seed):
    other = np.random.default_rng(seed).normal(0.0, 0.03, returns.size)

    assert beta(returns, other) == pytest.approx(empyrical.beta(returns, other), rel=1e-7, abs=1e-9)


def test_a_calm_that_empyrical_calls_infinite_or_nan_is_not_defined_here():
    calm = np.full(30, 0.01)

    assert sortino(calm) is None  # empyrical: infinite
    assert np.isinf(empyrical.sortino_ratio(calm, annualization=YEAR))
    assert calmar(0.3, 0.0) is None
    assert np.isnan(empyrical.calmar_ratio(calm, annualization=YEAR))


def test_empyrical_s_default_year_is_the_stock_market_s_and_not_ours():
    returns = np.array([0.01, -0.005, 0.02, 0.0])

    assert sharpe(returns) / empyrical.sharpe_ratio(returns) == pytest.approx(np.sqrt(365 / 252), rel=1e-12)
