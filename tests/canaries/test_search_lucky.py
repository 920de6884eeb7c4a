"""Canaries of the search: the luckiest of many tries of noise is stopped by `evidence`, an honest find is not."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import UndecidedError
from autarch.evidence.returns import quantised
from ci.checks.evidence import Record, check
from ci.policy_tables import EvidencePolicy

LIMITS = EvidencePolicy(search_sets=24, pbo_max=0.5, loss_frac_max=0.5, spa_resamples=100, look_seconds=20.0)
DAYS, TRIES = 640, 24


def record(columns, *, own=0):
    kept = [quantised(column, first_day=19_000) for column in columns.T]
    others = [one for number, one in enumerate(kept) if number != own]
    return Record(own=kept[own], tried=others, held=np.zeros(DAYS), trials=TRIES, variance=None, seed=1)


def regimes(seed):
    """Each try earned in some months what it lost in others; the best on all of train is the best by luck."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(0.0, 0.01, (DAYS, TRIES))
    early = np.arange(DAYS) // 80 % 2 == 0
    return columns + np.where(early[:, None], 1.0, -1.0) * rng.permutation(np.linspace(-0.003, 0.003, TRIES))


@pytest.mark.parametrize("seed", range(4))
def test_the_luckiest_of_a_search_is_caught_although_its_own_record_is_fine(seed):
    columns = regimes(seed)
    ratios = columns.mean(axis=0) / columns.std(axis=0, ddof=1) * np.sqrt(365)

    found = check(record(columns, own=int(np.argmax(ratios))), limits=LIMITS)

    assert ratios.max() > 0.8  # what a check of the record alone would see
    assert found.verdict == "failed"
    assert "beyond its limit" in found.detail


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_find_with_the_same_search_passes(seed):
    columns = np.random.default_rng(seed).normal(0.0, 0.01, (DAYS, TRIES))
    columns[:, 5] += 0.0018

    assert check(record(columns, own=5), limits=LIMITS).verdict == "passed"


def test_mostly_flat_days_are_not_decided():
    columns = np.random.default_rng(1).normal(0.0, 0.01, (DAYS, TRIES))
    columns[40:, 3] = 0.0

    with pytest.raises(UndecidedError, match="hardly moves"):
        check(record(columns, own=3), limits=LIMITS)
