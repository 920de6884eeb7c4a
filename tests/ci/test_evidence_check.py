"""evidence, on train: luck is told in words, and a search that only found noise is stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.evidence.returns import quantised
from autarch.stats.sharpe import sharpe_sample
from autarch.verdict import CheckResult
from ci.checks.evidence import Record, _moves_everywhere, check, luck_probability, with_word
from ci.policy_tables import EvidencePolicy

LIMITS = EvidencePolicy(search_sets=24, pbo_max=0.5, loss_frac_max=0.5, spa_resamples=100, look_seconds=20.0)
DAYS = 640


def noise(seed, *, edge=0.0, days=DAYS, tries=None):
    shape = days if tries is None else (days, tries)
    return np.random.default_rng(seed).normal(edge * 0.01, 0.01, shape)


def record(own, tried=(), *, trials=None, variance=None, held=None):
    columns = [quantised(np.asarray(one), first_day=19_000) for one in tried]
    return Record(
        own=quantised(own, first_day=19_000),
        tried=columns,
        held=np.zeros(own.size) if held is None else held,
        trials=len(columns) + 1 if trials is None else trials,
        variance=variance,
        seed=1,
    )


def as_result(answer):
    return CheckResult(
        name="evidence", klass="limit", verdict=answer.verdict, measures=answer.measures, detail=answer.detail
    )


def measures(answer):
    return {measure.name: measure for measure in answer.measures}


def test_a_plateau_of_one_idea_is_one_family_whose_ranks_mean_nothing():
    common = noise(0, edge=0.12)
    near = common[:, None] + np.random.default_rng(1).normal(0.0, 0.002, (DAYS, 12))

    found = check(record(near[:, 0], near[:, 1:].T), limits=LIMITS)

    assert found.verdict == "passed"
    assert measures(found)["pbo"].value is None
    assert measures(found)["oos_loss"].value < 0.05


def test_a_real_edge_among_worse_tries_passes():
    edges = noise(0, tries=12)
    edges[:, 0] += 0.0015

    found = check(record(edges[:, 0], edges[:, 1:].T), limits=LIMITS)

    assert found.verdict == "passed"
    assert measures(found)["pbo"].value <= 0.5
    assert measures(found)["psr"].value > 0.9


def test_the_best_of_noise_that_is_poor_elsewhere_fails_for_it():
    rng = np.random.default_rng(3)
    columns = rng.normal(0.0, 0.01, (DAYS, 16))
    half = np.arange(DAYS) // 40 % 2 == 0
    columns += np.where(half[:, None], 1.0, -1.0) * rng.permutation(np.linspace(-0.004, 0.004, 16))

    found = check(record(columns[:, 0], columns[:, 1:].T), limits=LIMITS)

    assert found.verdict == "failed"
    assert "pbo is beyond its limit" in found.detail or "oos_loss is beyond its limit" in found.detail


def test_each_limit_alone_can_fail():
    edges = noise(0, edge=0.03, tries=12)
    edges[:, 0] += 0.0006
    of = {
        name: measures(check(record(edges[:, 0], edges[:, 1:].T), limits=LIMITS))[name].value
        for name in ("pbo", "oos_loss")
    }
    for name, key in (("pbo", "pbo_max"), ("oos_loss", "loss_frac_max")):
        tight = EvidencePolicy(**{**{n: getattr(LIMITS, n) for n in LIMITS.__struct_fields__}, key: of[name] / 2})
        found = check(record(edges[:, 0], edges[:, 1:].T), limits=tight)
        assert found.verdict == "failed"
        assert f"{name} is beyond its limit" in found.detail


def test_one_try_has_no_search_and_nothing_is_deflated():
    own = noise(1, edge=0.08)

    found = measures(check(record(own), limits=LIMITS))

    assert found["pbo"].value is None
    assert "oos_loss" not in found
    assert found["dsr"].value == found["psr"].value


def test_luck_is_the_chance_of_the_best_of_n():
    own = noise(5, edge=0.05)
    one, many = record(own), record(own, trials=118)
    sample = sharpe_sample(one.own.values)

    p = luck_probability(one, sample)

    # 1 - (1 - p)^118, by hand from the chance of a single try
    assert luck_probability(many, sample) == pytest.approx(1 - (1 - p) ** 118, rel=1e-9)
    assert math.isclose(p, measures(check(one, limits=LIMITS))["luck"].value)
    assert "the best of 118 tries without any edge" in check(many, limits=LIMITS).detail


def test_the_ledger_s_variance_comes_before_the_search_s():
    own = noise(2, edge=0.1)
    tried = noise(4, tries=6).T

    by_ledger = measures(check(record(own, tried, trials=100, variance=1e-4), limits=LIMITS))["dsr"].value
    by_search = measures(check(record(own, tried, trials=100), limits=LIMITS))["dsr"].value
    tame = measures(check(record(own, tried, trials=100, variance=0.0), limits=LIMITS))

    assert by_ledger != by_search
    assert tame["dsr"].value == tame["psr"].value  # no spread of tries: luck raises nothing


def test_the_same_record_twice_is_one_try_and_a_still_one_none():
    own = noise(7, edge=0.1)

    found = check(record(own, [own, own, np.zeros(DAYS)], trials=1), limits=LIMITS)

    assert measures(found)["effective_trials"].value == 1.0
    assert measures(found)["pbo"].value is None


def test_still_blocks_that_fill_a_half_are_too_many():
    moving, still = [0.01, -0.01], [0.0, 0.0]

    assert _moves_everywhere(np.array(3 * moving + still), 4)
    assert not _moves_everywhere(np.array(2 * moving + 2 * still), 4)  # the last two blocks are a half of the four


def test_a_candidate_that_moves_on_a_third_of_the_days_is_undecided():
    own = noise(8, edge=0.1)
    own[DAYS // 3 :] = 0.0

    with pytest.raises(UndecidedError, match="hardly moves"):
        check(record(own, noise(9, tries=3).T), limits=LIMITS)


@pytest.mark.parametrize("own", [np.zeros(DAYS), np.full(DAYS, 0.001), np.full(DAYS, 9.0)])
def test_a_record_without_spread_is_undecided(own):
    with pytest.raises(UndecidedError):
        check(record(own), limits=LIMITS)


def test_serial_correlation_makes_luck_likelier():
    raw = noise(11, days=DAYS + 5, edge=0.05)
    smooth = np.convolve(raw, np.ones(5) / 5.0, "valid")[:DAYS]

    plain, correlated = record(raw[:DAYS]), record(smooth * 2.2)

    assert measures(check(correlated, limits=LIMITS))["effective_days"].value < 250
    assert measures(check(plain, limits=LIMITS))["effective_days"].value > 400


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("improved", "passed"),
        ("no change", "passed"),
        ("worse", "failed"),
        ("not computed", "undecided"),
        (None, "passed"),
    ],
)
def test_the_word_of_the_holdout_decides_what_train_has_passed(word, verdict):
    result = as_result(check(record(noise(1, edge=0.08)), limits=LIMITS))

    found = with_word(result, word)

    assert found.verdict == verdict
    told = [measure for measure in found.measures if measure.name == "holdout"]
    assert [measure.holds for measure in told] == ([] if word is None else [word in {"improved", "no change"}])


def test_no_word_mends_what_train_has_failed():
    answer = check(
        record(noise(1, edge=0.08), noise(2, tries=4).T),
        limits=EvidencePolicy(search_sets=0, pbo_max=0.0, loss_frac_max=0.0, spa_resamples=100, look_seconds=20.0),
    )
    assert answer.verdict == "failed"

    assert with_word(as_result(answer), "improved") == as_result(answer)


@pytest.mark.parametrize(("mean", "cure"), [(-0.02, "loses every day"), (0.02, "no market gives that")])
def test_a_ratio_that_no_market_gives_fails_by_itself(mean, cure):
    found = check(record(noise(1) * 0.1 + mean), limits=LIMITS)

    assert found.verdict == "failed"
    assert cure in found.detail


def test_tries_too_far_apart_leave_the_deflation_uncomputed():
    found = measures(check(record(noise(2, edge=0.1), trials=10, variance=1.5), limits=LIMITS))

    assert found["dsr"].value is None
