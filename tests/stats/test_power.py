from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.stats.lord import early_gamma, level_before_any_success, lord_gamma
from autarch.stats.power import DAYS_A_YEAR, sharpe_promotable, sharpe_that_passes


def power_of(days, *, sharpe, level):
    """Return the odds that a true annual `sharpe` passes: the formula of `sharpe_promotable`, the other way round."""
    passes = sharpe_that_passes(days, level=level)
    if passes is None:
        return 0.0
    theta = sharpe / math.sqrt(DAYS_A_YEAR)
    distance = theta - passes / math.sqrt(DAYS_A_YEAR)
    return NormalDist().cdf(distance * math.sqrt(days - 1) / math.sqrt(1 + theta * theta / 2))


@pytest.mark.parametrize(
    ("attempt", "level", "one", "two", "four"),
    [(1, 2.68e-4, 3.50, 2.46, 1.74), (2, 5.82e-5, 3.90, 2.74, 1.93), (10, 1.95e-5, 4.17, 2.93, 2.06),
     (100, 2.08e-6, 4.68, 3.28, 2.31)],
)  # fmt: skip
def test_levels_and_the_sharpe_that_passes_agree_with_published_figures(attempt, level, one, two, four):
    found = 0.005 * lord_gamma(attempt)

    assert found == pytest.approx(level, rel=5e-3)
    assert [round(sharpe_that_passes(365 * years, level=found), 2) for years in (1, 2, 4)] == [one, two, four]


def test_the_first_level_is_that_of_the_r_package():
    # onlineFDR prints .000267584 for alpha .05, w0 .005: .005 * .07720838 * ln 2 / (1 * e^0)
    assert 0.005 * lord_gamma(1) == pytest.approx(0.000267584, abs=5e-10)
    assert 0.025 * lord_gamma(1) == pytest.approx(1.34e-3, rel=2e-3)


def test_early_levels_fall_as_the_power_1_6_and_sum_to_one():
    # 1 / zeta(1.6) = 0.4374901658; the tenth is 10^-1.6 = 0.02511886 of the first
    assert early_gamma(1) == pytest.approx(0.4374901658)
    assert early_gamma(10) == pytest.approx(0.4374901658 * 0.0251188643)
    assert level_before_any_success(1, w0=0.05) == pytest.approx(0.02187451)
    # what is left after n terms is at most the integral n^-0.6 / 0.6
    assert 1.0 - 0.4374901658 * 1000**-0.6 / 0.6 < sum(early_gamma(k) for k in range(1, 1001)) < 1.0


@pytest.mark.parametrize(("sharpe", "days", "after_90"), [(1, 988, 0.13), (2, 247, 0.26), (3, 110, 0.44)])
def test_days_and_power_at_five_percent_agree_with_the_plain_normal_form(sharpe, days, after_90):
    # (1.645 / sharpe)^2 * 365 days bring even odds; the small-sample term moves the power by less than 0.02
    assert power_of(days, sharpe=sharpe, level=0.05) == pytest.approx(0.5, abs=0.02)
    assert power_of(90, sharpe=sharpe, level=0.05) == pytest.approx(after_90, abs=0.02)


def test_power_falls_with_wasted_attempts_as_published():
    # two years, true Sharpe 2: .26 for the first test, .10 after ten wasted ones, .05 after 50, .01 after 1,000
    powers = [power_of(730, sharpe=2.0, level=0.005 * lord_gamma(wasted + 1)) for wasted in (0, 10, 50, 1000)]

    assert powers == pytest.approx([0.26, 0.10, 0.05, 0.01], abs=0.012)


@given(
    days=st.integers(30, 3000),
    level=st.floats(1e-7, 0.2),
    power=st.floats(0.5, 0.99),
)
def test_a_promotable_sharpe_has_the_power_it_was_asked_for(days, level, power):
    found = sharpe_promotable(days, level=level, power=power)

    if found is not None:
        assert power_of(days, sharpe=found, level=level) == pytest.approx(power, abs=1e-9)
        longer = sharpe_promotable(days + 365, level=level, power=power)
        assert longer is not None
        assert longer < found


def test_even_odds_need_exactly_what_passes():
    assert sharpe_promotable(365, level=0.01, power=0.5) == pytest.approx(sharpe_that_passes(365, level=0.01))


@pytest.mark.parametrize("days", [0, 1, 5, 12])
def test_a_holdout_of_days_promotes_nothing(days):
    assert sharpe_promotable(days, level=2.68e-4, power=0.8) is None
    assert sharpe_that_passes(days, level=2.68e-4) is None


def test_more_than_one_a_day_is_no_answer():
    # z 3.4616, z^2/2 5.99: 13 / sqrt needs T - 1 - 5.99 >= 11.98, so 19 days pass nothing and 20 something
    assert sharpe_that_passes(18, level=2.68e-4) is None
    assert sharpe_that_passes(20, level=2.68e-4) == pytest.approx(3.4616 / math.sqrt(13.01) * math.sqrt(365), rel=1e-3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lord_gamma(0),
        lambda: early_gamma(0),
        lambda: level_before_any_success(1, w0=0.0),
        lambda: sharpe_that_passes(365, level=0.6),
        lambda: sharpe_promotable(365, level=0.05, power=0.2),
    ],
)
def test_nonsense_is_a_callers_bug(call):
    with pytest.raises(ValueError, match=r"test 0|w0|level|power"):
        call()
