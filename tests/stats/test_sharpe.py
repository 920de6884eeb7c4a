from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import sharpebench
from hypothesis import assume, given
from hypothesis import strategies as st

from autarch.errors import UndecidedError
from autarch.stats.correlation import annualising_factor, long_run_ratio, lower_for_correlation
from autarch.stats.sharpe import (
    SharpeSample,
    dsr,
    expected_maximum,
    independent_trials,
    luck,
    max_trials,
    min_backtest_years,
    min_track_record,
    p_value,
    psr,
    psr_variance_at_benchmark,
    sharpe_sample,
)

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())


def sample_of(row):
    return SharpeSample(ratio=row["sr"], periods=row.get("T", 100), skew=row["skew"], kurtosis=row["kurt"])


@pytest.mark.parametrize("row", VECTORS["dsr"], ids=lambda row: row["id"])
def test_dsr_and_what_luck_shows_agree_with_the_published_examples(row):
    found = sample_of(row)

    assert luck(row["N"], variance=row["var_sr"]) == pytest.approx(row["sr0"], abs=row["tol"])
    assert dsr(found, trials=row["N"], variance=row["var_sr"]) == pytest.approx(row["dsr"], abs=row["tol"])


@pytest.mark.parametrize("row", VECTORS["psr"], ids=lambda row: row["id"])
def test_psr_agrees_with_the_published_examples(row):
    found = psr(sample_of(row), benchmark=row["sr_benchmark"])

    assert found == pytest.approx(row["psr"], abs=row["tol"])
    assert found == pytest.approx(row["published"], abs=row["published_tol"])
    assert p_value(sample_of(row), benchmark=row["sr_benchmark"]) == pytest.approx(1 - found, abs=1e-14)


@pytest.mark.parametrize("row", VECTORS["sr_stdev"], ids=lambda row: row["id"])
def test_the_deviation_of_the_ratio_agrees_with_the_published_examples(row):
    assert sample_of(row).deviation == pytest.approx(row["stdev"], abs=row["tol"])


@pytest.mark.parametrize("row", VECTORS["mintrl"], ids=lambda row: row["id"])
def test_the_minimum_track_record_agrees_with_the_published_examples(row):
    a_year = row["periods"]
    ratio = row["sr"] if "sr" in row else row["sr_ann"] / math.sqrt(a_year)
    benchmark = row["benchmark"] if "benchmark" in row else row["benchmark_ann"] / math.sqrt(a_year)
    found = SharpeSample(ratio=ratio, periods=100, skew=row["skew"], kurtosis=row["kurt"])

    periods = min_track_record(found, benchmark=benchmark, confidence=row.get("prob", 0.95))

    assert periods is not None
    assert periods / a_year == pytest.approx(row["years"], abs=row["tol"])


def test_no_length_shows_what_does_not_exceed_the_benchmark():
    assert min_track_record(SharpeSample(ratio=0.1, periods=50), benchmark=0.1) is None


def test_the_later_form_has_a_name_of_its_own_and_is_not_what_psr_and_dsr_return():
    d1, p1 = VECTORS["dsr"][0], VECTORS["psr"][0]
    a1, a2 = (row["value"] for row in VECTORS["variance_at_null_alternative"])

    assert psr_variance_at_benchmark(sample_of(d1), benchmark=d1["sr0"]) == pytest.approx(a1, abs=1e-9)
    assert psr_variance_at_benchmark(sample_of(p1)) == pytest.approx(a2, abs=1e-9)
    assert abs(dsr(sample_of(d1), trials=100, variance=0.002) - a1) > 0.01
    assert abs(psr(sample_of(p1)) - a2) > 0.05


@pytest.mark.parametrize(("trials", "expected"), VECTORS["emax"].items())
def test_the_expected_maximum_agrees(trials, expected):
    assert expected_maximum(int(trials)) == pytest.approx(expected, abs=1e-9)


def test_one_try_deflates_nothing():
    found = SharpeSample(ratio=0.05, periods=500)

    assert expected_maximum(1) == 0.0
    assert dsr(found, trials=1, variance=0.01) == psr(found)


@pytest.mark.parametrize(("trials", "years"), VECTORS["minbtl_years_sr1"].items())
def test_the_minimum_backtest_length_agrees(trials, years):
    assert min_backtest_years(int(trials), target_annual=1.0) == pytest.approx(years, abs=1e-9)


@pytest.mark.parametrize("row", VECTORS["max_trials"], ids=str)
def test_the_tries_a_record_affords_agree(row):
    most = max_trials(row["years"], target_annual=row["target_sr"])

    assert most == row["max_N"]
    assert min_backtest_years(most, target_annual=row["target_sr"]) <= row["years"]
    assert min_backtest_years(most + 1, target_annual=row["target_sr"]) > row["years"]


def test_returns_give_ratio_moments_psr_and_dsr_of_the_vector():
    row = VECTORS["dsr_from_returns"][0]
    returns = np.random.RandomState(42).normal(0.0006, 0.01, 1000)

    found = sharpe_sample(returns)

    assert (found.ratio, found.skew, found.kurtosis) == pytest.approx((row["sr"], row["skew"], row["kurt"]), abs=1e-12)
    assert psr(found) == pytest.approx(row["psr_vs_0"], abs=1e-9)
    for trials, expected in row["dsr_by_N"].items():
        assert dsr(found, trials=int(trials), variance=row["var_sr"]) == pytest.approx(expected, abs=1e-9)


def test_an_independent_package_expects_the_same_of_the_best_by_luck():
    for trials in (2, 10, 118, 5000):
        theirs = sharpebench.expected_max_sharpe(n_trials=trials, trials_sr_std=0.03)

        assert luck(trials, variance=0.03**2) == pytest.approx(theirs, abs=1e-6)


def test_the_best_of_many_without_an_edge_shows_what_theory_expects():
    row = VECTORS["null_best_of_N"][0]
    for trials, published in row["mean_max"].items():
        random = np.random.RandomState(0)
        best = []
        for _ in range(20):
            drawn = random.normal(0, 1, (1260, int(trials)))
            best.append((drawn.mean(axis=0) / drawn.std(axis=0, ddof=1)).max() * math.sqrt(252))
        assert np.mean(best) == pytest.approx(published, abs=1e-9)
        assert np.mean(best) == pytest.approx(expected_maximum(int(trials)) / math.sqrt(1260 / 252), abs=0.15)


def test_independent_tries_survived_is_where_the_deflated_ratio_meets_the_confidence():
    # SR 1.5 a year over 1,000 days: deviation of the estimate by hand sqrt((1 + s^2/2) / 999), s = 1.5 / sqrt(365).
    found = SharpeSample(ratio=1.5 / math.sqrt(365), periods=1000)
    most = independent_trials(found.ratio, deviation=found.deviation)

    assert dsr(found, trials=most, variance=found.deviation**2) >= 0.95
    assert dsr(found, trials=most + 1, variance=found.deviation**2) < 0.95
    assert independent_trials(0.001, deviation=0.03) == 0


@pytest.mark.parametrize(
    ("ratio", "skew", "kurtosis", "says"),
    [
        (2.5, 0.0, 3.0, "per period"),
        (0.1, 0.0, 0.0, "Pearson"),
        (0.1, -3.0, 9.9, "Pearson"),
        (math.nan, 0.0, 3.0, "finite"),
    ],
)
def test_mistakes_of_units_are_refused(ratio, skew, kurtosis, says):
    with pytest.raises(ValueError, match=says):
        SharpeSample(ratio=ratio, periods=500, skew=skew, kurtosis=kurtosis)


def test_a_sample_exactly_at_the_edge_of_what_kurtosis_can_be_is_taken():
    assert SharpeSample(ratio=0.1, periods=10, skew=-3.0, kurtosis=10.0).kurtosis == 10.0


@pytest.mark.parametrize(
    "returns",
    [np.full(50, 0.01), np.zeros(50), np.array([]), np.array([0.01]), np.array([0.01, np.nan, 0.02]),
     np.append(np.zeros(99), 0.01)],
    ids=["constant", "flat", "empty", "one", "nan", "one active day"],
)  # fmt: skip
def test_a_record_that_cannot_answer_is_undecided_and_never_a_number(returns):
    with pytest.raises(UndecidedError):
        sharpe_sample(returns)


def test_a_matrix_is_not_a_series():
    with pytest.raises(ValueError, match="one series"):
        sharpe_sample(np.zeros((10, 2)))


@given(st.lists(st.floats(-0.2, 0.2), min_size=8, max_size=60))
def test_every_sample_of_returns_has_moments_that_are_possible(values):
    returns = np.array(values)
    assume(np.count_nonzero(returns) >= 2)
    assume(0 < abs(returns.mean()) < 0.9 * returns.std(ddof=1))
    found = sharpe_sample(returns)

    assert found.variance_factor > 0
    assert 0.0 <= psr(found) <= 1.0


def test_annualising_correlated_returns_agrees_with_lo():
    rows = VECTORS["serial_correlation"][1]["eta"]

    assert annualising_factor(12, [0.0] * 11) == pytest.approx(rows["q12_rho0"], abs=1e-12)
    assert annualising_factor(12, [0.2**k for k in range(1, 12)]) == pytest.approx(rows["q12_rho_0_2"], abs=1e-12)
    assert annualising_factor(365, [0.1**k for k in range(1, 365)]) == pytest.approx(rows["q365_rho_0_1"], abs=1e-9)


def test_correlated_returns_without_an_edge_pass_too_often_until_the_length_is_lowered():
    # AR(1) with rho 0.5: the long-run variance is (1 + rho)/(1 - rho) = 3 times the plain one.
    row, random = VECTORS["serial_correlation"][0], np.random.RandomState(7)
    naive = lowered = 0
    for _ in range(400):
        noise = random.normal(size=1000)
        returns = np.empty(1000)
        last = 0.0
        for at, fresh in enumerate(noise):
            last = 0.5 * last + fresh
            returns[at] = last
        found = sharpe_sample(returns * 0.01)
        naive += psr(found) > 0.95
        lowered += psr(lower_for_correlation(found, ratio=long_run_ratio(returns * 0.01, lags=20))) > 0.95

    assert naive / 400 == pytest.approx(row["share_of_zero_edge_passing_95"], abs=0.05)
    assert lowered / 400 == pytest.approx(0.05, abs=0.035)


def test_negative_correlation_never_lengthens_a_record():
    found = SharpeSample(ratio=0.05, periods=500)

    assert lower_for_correlation(found, ratio=0.4) == found
    assert lower_for_correlation(found, ratio=3.0).periods == 167  # 1 + 499/3 = 167.3


def test_correlations_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="none could be"):
        annualising_factor(12, [-0.9] * 11)
    with pytest.raises(ValueError, match="outside"):
        annualising_factor(12, [1.5])
