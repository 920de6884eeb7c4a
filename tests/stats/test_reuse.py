"""The Ladder, Thresholdout, SPA and the e-process: answers about data that are asked more than once."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.stats.forward import combined_p, e_process, e_value
from autarch.stats.ladder import Thresholdout, bootstrap_error, climb, compare_paired
from autarch.stats.superior import superior

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())


def test_the_ladder_releases_what_its_published_example_releases():
    row = VECTORS["ladder"][0]
    rung, released = None, []
    for submission in row["submissions"]:
        losses = np.array([float(guess != label) for guess, label in zip(submission, row["labels"], strict=True)])
        rung = climb(rung, losses)
        released.append(rung.released)

    # The second is better by exactly eta: 0.5 against 0.6667 - 0.1667, which floats would call an improvement.
    assert released == pytest.approx(row["released"], abs=1e-12)


def test_submissions_that_answer_other_questions_are_refused():
    rung = climb(None, np.zeros(6))
    with pytest.raises(ValueError, match="same questions"):
        climb(rung, np.zeros(5))
    with pytest.raises(ValueError, match="finite"):
        climb(None, np.array([0.0, np.nan]))


def paired(edge, *, seed=3, scale=1.0):
    random = np.random.RandomState(seed)
    base, noise = random.normal(0, 0.01, 700), random.normal(0, 0.01, 700)
    base, noise = base - base.mean(), noise - noise.mean()
    return (base + noise + edge) * scale, base


def test_a_candidate_beyond_the_noise_is_improved_one_within_it_is_not_and_one_below_is_worse():
    words = []
    for edge in (0.004, 0.0, -0.004):
        candidate, incumbent = paired(edge)
        found = compare_paired(candidate, incumbent, candidate_deviation=0.014, incumbent_deviation=0.014, seed=1)
        words.append((found.improved, found.worse))

    assert words == [(True, False), (False, False), (False, True)]


def test_leverage_buys_no_score():
    once, incumbent = paired(0.002)
    thrice, _ = paired(0.002, scale=3.0)
    plain = compare_paired(once, incumbent, candidate_deviation=0.014, incumbent_deviation=0.01, seed=1)
    levered = compare_paired(thrice, incumbent, candidate_deviation=0.042, incumbent_deviation=0.01, seed=1)

    assert levered.mean == pytest.approx(plain.mean, rel=1e-12)
    assert levered.eta == pytest.approx(plain.eta, rel=1e-12)


def test_the_score_is_a_multiple_of_the_noise_and_none_without_improvement():
    candidate, incumbent = paired(0.004)
    found = compare_paired(candidate, incumbent, candidate_deviation=0.014, incumbent_deviation=0.01, seed=1)
    assert found.score is not None
    assert found.score / found.eta == pytest.approx(round(found.mean / found.eta), abs=1e-12)

    same, incumbent = paired(0.0)
    none = compare_paired(same, incumbent, candidate_deviation=0.014, incumbent_deviation=0.01, seed=1)
    assert none.score is None


def test_the_bootstrap_error_of_independent_days_is_the_plain_one_and_of_persistent_days_larger():
    noise = np.random.RandomState(0).normal(size=2000)
    persistent = np.convolve(noise, np.ones(8) / 8, "valid")

    plain = bootstrap_error(noise, seed=5)
    assert plain == pytest.approx(noise.std(ddof=1) / math.sqrt(noise.size), rel=0.12)
    assert bootstrap_error(persistent, seed=5) > 1.8 * persistent.std(ddof=1) / math.sqrt(persistent.size)
    assert bootstrap_error(noise, seed=5) == plain


@pytest.mark.parametrize("bad", ["nan", "identical"])
def test_a_comparison_without_an_answer_is_undecided(bad):
    candidate, incumbent = paired(0.001)
    if bad == "nan":
        candidate[4] = np.nan
    else:
        candidate = incumbent.copy()
    with pytest.raises(UndecidedError):
        compare_paired(candidate, incumbent, candidate_deviation=0.01, incumbent_deviation=0.01, seed=1)


def test_a_holdout_asked_feature_by_feature_claims_what_is_not_there_and_thresholdout_does_not():
    # n observations of n features of pure noise; features that agree in train and holdout; the best of them vote.
    for seed in range(3):
        random = np.random.default_rng(seed)
        n, top = 2000, 200
        labels = [np.where(random.random(n) < 0.5, -1.0, 1.0) for _ in range(2)]
        train, holdout = (random.standard_normal((n, n), np.float32).astype(np.float64) for _ in range(2))
        by_train, by_holdout = train.T @ labels[0] / n, holdout.T @ labels[1] / n
        kept = (np.abs(by_train) > n**-0.5) & (np.abs(by_holdout) > n**-0.5) & (by_train * by_holdout > 0)
        best = np.flatnonzero(kept)[np.argsort(-np.abs(by_train[kept]))[:top]]
        claims = [float(np.mean(np.sign(x[:, best] @ np.sign(by_train[best])) == y))
                  for x, y in zip((train, holdout), labels, strict=True)]  # fmt: skip
        asked = Thresholdout(threshold=0.04, noise=0.01, budget=n, normal=random.standard_normal)
        mean = [asked.answer(float(t), float(h)) for t, h in zip(by_train, by_holdout, strict=True)]
        honest = np.flatnonzero((np.abs(mean) > n**-0.5) & (np.array(mean) * by_train > 0))
        honest = honest[np.argsort(-np.abs(by_train[honest]))[:top]]
        fresh = random.standard_normal((n, n), np.float32)[:, honest].astype(np.float64)

        assert claims[1] >= 0.6
        assert abs(float(np.mean(np.sign(fresh @ np.sign(by_train[honest])) == labels[1])) - 0.5) <= 0.05
        assert abs(asked.answer(claims[0], 0.5) - 0.5) <= 0.05


def test_thresholdout_answers_train_while_they_agree_and_stops_when_its_budget_is_spent():
    asked = Thresholdout(threshold=0.1, noise=0.01, budget=1, normal=lambda: 0.5)

    assert asked.answer(0.30, 0.25) == 0.30
    assert asked.budget == 1
    # 0.30 against 0.60 differ by more than 0.1 + 0.005: 0.60 + 0.01 * 0.5.
    assert asked.answer(0.30, 0.60) == pytest.approx(0.605)
    with pytest.raises(UndecidedError, match="budget"):
        asked.answer(0.30, 0.60)


@pytest.mark.parametrize("row", VECTORS["spa"], ids=lambda row: row["id"])
def test_superior_predictive_ability_agrees_with_the_vector(row):
    random = np.random.RandomState(0)
    benchmark, models = random.normal(size=500), random.normal(size=(500, 20))
    models[:, 0] += row["shift_model_0"]

    found = superior(-models, -benchmark, seed=0)

    expected = (row["p_lower"], row["p_consistent"], row["p_upper"])
    assert (found.lower, found.consistent, found.upper) == pytest.approx(expected, abs=1e-9)


ALONE = """
import sys
import numpy as np
from autarch.stats.superior import superior
returns = np.random.RandomState(0).normal(size=(200, 3))
told = superior(returns, np.zeros(200), seed=1)
print([name for name in ("arch", "matplotlib", "statsmodels", "scipy.stats") if name in sys.modules])
from arch.bootstrap import SPA
whole = SPA(np.zeros(200), -returns, block_size=10, reps=1000, bootstrap="stationary", studentize=True, seed=1)
whole.compute()
print([told.lower, told.consistent, told.upper] == [whole.pvalues[name] for name in ("lower", "consistent", "upper")])
print("arch.univariate" in sys.modules)
"""


def test_the_test_imports_no_model_of_volatility_answers_as_the_whole_package_and_leaves_it_whole():
    answer = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)

    assert answer.stdout.splitlines() == ["[]", "True", "True"], answer.stderr


def test_the_reality_check_needs_series_that_fit():
    with pytest.raises(ValueError, match=r"\(T, N\)"):
        superior(np.zeros((5, 2)), np.zeros(4), seed=0)
    with pytest.raises(UndecidedError, match="differs"):
        superior(np.zeros((5, 2)), np.zeros(5), seed=0)


def test_the_e_process_by_hand():
    # 30 prior days of mean 0, deviation 0.01. Day 1: nothing before, bet 0. Day 2: mean 0.02/31,
    # spread (0.0004 + 30 * 0.0001)/31, bet 0.02/0.0034 = 5.88 > 0.5/0.25 = 2, so 2: E = 1 + 2 * 0.01 = 1.02.
    found = e_process(np.array([0.02, 0.01]), loss_max=0.25, prior_deviation=0.01)

    assert found == pytest.approx([1.0, 1.02])


def test_without_an_edge_the_e_process_seldom_reaches_twenty_and_with_one_it_does():
    random = np.random.RandomState(4)
    reached = [
        bool((e_process(random.normal(0, 0.01, 400).clip(-0.2), loss_max=0.2, prior_deviation=0.01) >= 20).any())
        for _ in range(400)
    ]
    # At most 1 in 20 by Ville's inequality.
    assert np.mean(reached) <= 0.05
    strong = random.normal(3 / math.sqrt(365) * 0.01, 0.01, 1200)
    assert e_value(strong, loss_max=0.2, prior_deviation=0.01) > 20


def test_a_day_worse_than_the_bound_voids_the_evidence():
    with pytest.raises(UndecidedError, match="void"):
        e_value(np.array([0.01, -0.3]), loss_max=0.25, prior_deviation=0.01)
    assert e_value(np.array([]), loss_max=0.25, prior_deviation=0.01) == 1.0


def test_forward_evidence_divides_the_holdouts_p():
    assert combined_p(0.04, 1.0) == 0.04
    assert combined_p(0.04, 10.0) == pytest.approx(0.004)
    assert combined_p(0.04, 0.01) == 1.0
    assert combined_p(0.0, 0.0) == 1.0
    with pytest.raises(ValueError, match="within"):
        combined_p(-0.1, 1.0)
