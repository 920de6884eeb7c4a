"""A stream of pull requests, most without an edge: what each rule for merging lets through."""

from __future__ import annotations

import json
import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from autarch.stats.ladder import Thresholdout
from autarch.stats.online import OnlineRule
from autarch.stats.sharpe import SharpeSample, dsr, p_value, psr

SIMULATED = json.loads(Path(__file__).with_name("vectors.json").read_text())["merge_rule_simulation"]
DAYS, STREAM, REPLICATIONS = 1460, 300, 40
ONLINE = {
    "lordpp": OnlineRule(alpha=0.05, w0=0.005),
    "saffron": OnlineRule(name="saffron", alpha=0.05, w0=0.025),
    "addis": OnlineRule(name="addis", alpha=0.05, w0=0.025, candidate=0.25),
}


def streams(edge, rho):
    """Yield which of 300 candidates are real and their Sharpe ratios a day, replication by replication."""
    random = np.random.RandomState(1)
    for _ in range(REPLICATIONS):
        real = random.rand(STREAM) < 0.05
        returns = random.normal(0, 1, (DAYS, STREAM)) * math.sqrt(1 - rho)
        returns += random.normal(0, 1, (DAYS, 1)) * math.sqrt(rho)
        returns[:, real] += edge / math.sqrt(365)
        yield real, returns.mean(axis=0) / returns.std(axis=0, ddof=1)


def deflated(ratios):
    merged = []
    for trials, ratio in enumerate(ratios, 1):
        sample = SharpeSample(ratio=float(ratio), periods=DAYS)
        if trials == 1:
            merged.append(psr(sample) >= 0.95)
            continue
        variance = float(np.var(ratios[:trials], ddof=1)) if trials >= 5 else 1 / DAYS
        merged.append(dsr(sample, trials=trials, variance=variance) >= 0.95)
    return merged


def merged_by(rule, ratios):
    if rule == "dsr":
        return np.array(deflated(ratios))
    p = [p_value(SharpeSample(ratio=float(ratio), periods=DAYS)) for ratio in ratios]
    if rule in ONLINE:
        return np.array([one.passed for one in ONLINE[rule].run([min(1.0, max(1e-12, value)) for value in p])])
    return np.array(p) < (0.05 if rule == "naive" else 0.05 / STREAM)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SIMULATED["scenarios"])
def test_every_rule_merges_what_the_published_simulation_says(scenario):
    edge, rho = (float(part) for part in scenario.split("/"))
    drawn = list(streams(edge, rho))

    for rule in ("naive", "bonferroni", "dsr", *ONLINE):
        published = SIMULATED["scenarios"][scenario][rule]
        shares = []
        for real, ratios in drawn:
            merged = merged_by(rule, ratios)
            shares.append(((merged & ~real).sum() / max(1, merged.sum()), (merged & real).sum() / max(1, real.sum())))
        false, power = np.mean(shares, axis=0)
        assert (round(false, 3), round(power, 3)) == pytest.approx(published[:2], abs=0.0011), rule


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_holdout_of_ten_thousand_is_climbed_by_luck_and_thresholdout_is_not(seed):
    n, top = 10_000, 500
    random = np.random.default_rng(seed)
    labels = [np.where(random.integers(0, 2, n) == 1, 1.0, -1.0).astype(np.float32) for _ in range(2)]
    votes = [random.standard_normal((n, n), np.float32) for _ in range(2)]
    found = [np.asarray(y @ x / n, np.float64) for x, y in zip(votes, labels, strict=True)]
    kept = np.flatnonzero((np.abs(found[0]) > n**-0.5) & (np.abs(found[1]) > n**-0.5) & (found[0] * found[1] > 0))
    best = kept[np.argsort(-np.abs(found[0][kept]))[:top]]
    weights = np.sign(found[0][best]).astype(np.float32)

    train, holdout = (float(np.mean(np.sign(x[:, best] @ weights) == y)) for x, y in zip(votes, labels, strict=True))
    answer = Thresholdout(threshold=0.04, noise=0.01, budget=1, normal=NormalRandom(seed)).answer(train, 0.5)

    assert holdout >= 0.62
    assert abs(answer - 0.5) <= 0.05


class NormalRandom:
    """Draws standard normal values from a seed."""

    def __init__(self, seed):
        self._random = np.random.default_rng(seed + 1000)

    def __call__(self):
        return NormalDist().inv_cdf(float(self._random.random()))
