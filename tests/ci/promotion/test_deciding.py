"""One test for promotion: the p-value, the level, the word, and what is spent."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from autarch.stats import online
from autarch.stats.lord import early_gamma
from ci.promotion.deciding import decide, measure, settle

RULE = online.OnlineRule(name="lord++ early", alpha=0.10, w0=0.05)
FIRST_LEVEL = 0.05 * early_gamma(1)  # 0.05 x 0.43749017 = 0.0218745


def days(ratio: float, n: int = 400, seed: int = 3):
    """Return n days whose sample Sharpe ratio a day is exactly `ratio`."""
    drawn = np.random.default_rng(seed).normal(size=n)
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1)
    return 0.01 * (drawn + ratio)


def test_p_is_the_upper_tail_of_psr() -> None:
    returns = days(0.15)

    found = measure(returns)

    centred = returns - returns.mean()
    spread = np.mean(centred**2)
    skew, kurtosis = np.mean(centred**3) / spread**1.5, np.mean(centred**4) / spread**2
    z = 0.15 * math.sqrt(found.days_effective - 1) / math.sqrt(1 - skew * 0.15 + (kurtosis - 1) / 4 * 0.15**2)
    assert found.p == pytest.approx(1 - NormalDist().cdf(z), rel=1e-6)
    assert (found.days, found.days_effective <= 400) == (400, True)


def test_serial_correlation_lowers_the_days_and_raises_p() -> None:
    noise = np.random.default_rng(5).normal(size=2000)
    carried = np.empty(2000)
    carried[0] = noise[0]
    for i in range(1, 2000):
        carried[i] = 0.6 * carried[i - 1] + noise[i]
    carried += 0.1 * carried.std()

    found = measure(carried)

    assert found.days_effective < 1000
    assert found.p > measure(np.random.default_rng(1).permutation(carried)).p


def test_a_benchmark_is_beaten_by_the_paired_difference() -> None:
    theirs, extra = days(0.3, seed=1), days(0.05, seed=2)

    assert measure(theirs + extra, theirs).p == pytest.approx(measure(extra).p)
    with pytest.raises(ValueError, match="same days"):
        measure(theirs, theirs[1:])


@pytest.mark.parametrize(("ratio", "word"), [(0.25, "may be promoted"), (0.02, "may not"), (-0.25, "may not")])
def test_the_word_is_the_rule_s(ratio, word) -> None:
    found = decide(days(ratio), rule=RULE, so_far=[])

    assert (found.word, found.test) == (word, 1)
    assert found.level == pytest.approx(FIRST_LEVEL)
    # W_1 = w0 - alpha_1, and alpha - w0 more at the first success
    assert found.wealth == pytest.approx(0.05 - FIRST_LEVEL + (0.05 if found.passed else 0.0))


def test_an_edge_at_the_level_passes_and_a_hair_beyond_it_fails() -> None:
    returns = days(0.09)
    level = RULE.next_level([])
    p = measure(returns).p
    assert p > level  # alone it fails; the forward bars carry it over

    assert decide(returns, rule=RULE, so_far=[], e_value=p / level * (1 + 1e-9)).passed
    assert not decide(returns, rule=RULE, so_far=[], e_value=p / level * (1 - 1e-9)).passed


def test_void_forward_evidence_promotes_nothing() -> None:
    found = decide(days(0.5), rule=RULE, so_far=[], e_value=0.0)

    assert (found.word, found.numbers["p"]) == ("may not", 1.0)


def test_forward_losses_weigh_against_the_holdout() -> None:
    returns = days(0.18)
    assert decide(returns, rule=RULE, so_far=[]).passed

    assert not decide(returns, rule=RULE, so_far=[], e_value=0.005).passed


@pytest.mark.parametrize("returns", [np.zeros(200), np.full(200, 0.01), np.array([0.1, np.nan]), np.eye(1, 90)[0]])
def test_what_cannot_be_computed_is_spent_all_the_same(returns) -> None:
    found = decide(returns, rule=RULE, so_far=[])

    assert (found.word, found.passed, dict(found.numbers)) == ("not computed", False, {})
    assert found.wealth == pytest.approx(0.05 - FIRST_LEVEL)


def test_earlier_tests_lower_the_next_level_and_a_success_raises_it() -> None:
    failed = online.Tested(p=0.5, level=RULE.next_level([]), passed=False)
    passed = online.Tested(p=0.0, level=RULE.next_level([]), passed=True)

    after_failure = settle(RULE, [failed], measure(days(0.02)))
    after_success = settle(RULE, [passed], measure(days(0.02)))

    assert after_failure.level < FIRST_LEVEL < after_success.level
    # 0.05 gamma_2 + (0.10 - 0.05) gamma_1
    assert after_success.level == pytest.approx(0.05 * early_gamma(2) + 0.05 * early_gamma(1))


def test_annual_ratios_are_refused() -> None:
    with pytest.raises(ValueError, match="a period"):
        decide(days(1.5), rule=RULE, so_far=[])
