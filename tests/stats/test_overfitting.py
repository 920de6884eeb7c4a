from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import sharpebench

from autarch.errors import UndecidedError
from autarch.stats.families import effective_trials
from autarch.stats.overfitting import blocks_for, path_count, paths, pbo, purged_splits, trimmed

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text())


def matrix_of(row):
    found = np.random.RandomState(row["seed"]).normal(0, 1, (row["T"], row["N"]))
    found[:, : row["k"]] += row["edge"]
    return found


@pytest.mark.parametrize("row", VECTORS["pbo"], ids=lambda row: row["id"])
def test_pbo_counts_agree_with_the_vectors_to_the_split(row):
    returns = matrix_of(row)
    assert returns.sum() == pytest.approx(row["sum"], abs=1e-6)

    found = pbo(returns, days=row["T"], blocks=row["S"])

    assert (found.splits, found.at_or_below_median, found.losing) == (
        row["splits"],
        row["lambda_le_0"],
        row["oos_loss"],
    )
    assert (found.pbo, found.loss_frac) == (row["pbo"], row["p_oos_loss"])


def test_an_independent_package_finds_the_same_probability():
    returns = np.random.RandomState(11).normal(0.02, 1, (400, 30))

    theirs = sharpebench.probability_of_backtest_overfitting(returns.tolist(), 10)

    assert pbo(returns, days=400, blocks=10).pbo == pytest.approx(float(theirs), abs=1e-12)


def test_a_split_where_the_best_is_exactly_the_median_counts():
    # V5 has three splits with lambda exactly 0: 19 of 70 with them, 16 of 70 (0.2286) without.
    row = VECTORS["pbo"][4]
    strict = next(trap["value"] for trap in VECTORS["pbo_traps"] if trap["id"] == "V5-strict")

    found = pbo(matrix_of(row), days=64, blocks=8)

    assert found.pbo != strict
    assert found.at_or_below_median - round(strict * 70) == 3


def test_tries_that_are_copies_of_each_other_share_their_rank():
    one = np.random.RandomState(2).normal(0, 1, (64, 1))

    # Ten copies: the best's average rank is 5.5 of 11, exactly the median, in every split.
    assert pbo(np.repeat(one, 10, axis=1), days=64, blocks=8).pbo == 1.0


def test_a_matrix_on_its_side_is_refused():
    with pytest.raises(ValueError, match="time in rows"):
        pbo(np.random.RandomState(7).normal(0, 1, (64, 8)).T, days=64, blocks=8)


@pytest.mark.parametrize(("days", "blocks", "says"), [(1000, 16, "do not divide"), (64, 7, "even"), (8, 8, "fewer")])
def test_a_record_that_does_not_divide_is_refused(days, blocks, says):
    with pytest.raises(ValueError, match=says):
        pbo(np.random.RandomState(0).normal(0, 1, (days, 5)), days=days, blocks=blocks)


def test_trimming_drops_the_oldest_days_and_then_it_divides():
    returns = np.arange(2000.0).reshape(1000, 2)

    kept = trimmed(returns, blocks=16)

    assert kept.shape == (992, 2)
    assert kept[0, 0] == returns[8, 0]
    assert (blocks_for(319), blocks_for(320)) == (8, 16)


def test_what_cannot_be_ranked_is_undecided():
    flat = np.random.RandomState(0).normal(0, 1, (64, 3))
    flat[:32, 1] = 0.0
    broken = flat.copy()
    broken[3, 0] = np.nan
    for returns in (flat, broken, flat[:, :1]):
        with pytest.raises(UndecidedError):
            pbo(returns, days=64, blocks=8)


@pytest.mark.parametrize("row", VECTORS["cpcv"], ids=str)
def test_combinatorial_splits_and_paths_are_as_many_as_the_formula_says(row):
    n, k = row["N"], row["k"]

    splits = purged_splits(60, groups=n, test_groups=k)

    assert (len(splits), path_count(groups=n, test_groups=k)) == (row["splits"], row["paths"])
    found = paths(groups=n, test_groups=k)
    assert len(found) == row["paths"]
    chosen = list(combinations(range(n), k))
    for path in found:
        assert all(group in chosen[split] for group, split in enumerate(path))
    assert len({(group, split) for path in found for group, split in enumerate(path)}) == row["paths"] * n


def test_rows_next_to_a_test_group_are_not_trained_on():
    split = next(
        one for one in purged_splits(12, groups=4, test_groups=1, purge=1, embargo=2) if one.test_groups == (1,)
    )

    # Group 1 is rows 3..5; purged before it row 2, embargoed after it rows 6 and 7.
    assert split.test_groups == (1,)
    assert split.test.tolist() == [3, 4, 5]
    assert split.train.tolist() == [0, 1, 8, 9, 10, 11]


def test_tries_that_move_together_are_one_family():
    random = np.random.RandomState(3)
    ideas = random.normal(0, 1, (500, 3))
    tries = np.concatenate([ideas[:, [i]] + 0.1 * random.normal(0, 1, (500, 4)) for i in range(3)], axis=1)

    assert effective_trials(tries) == 3
    assert effective_trials(np.concatenate([tries, np.zeros((500, 2))], axis=1)) == 4
    assert effective_trials(random.normal(0, 1, (500, 20))) == 20
    # a is like b and b like c: one family although a and c are less alike (0.81 and 0.81^2 = 0.66).
    a = random.normal(0, 1, 20000)
    b = 0.81 * a + math.sqrt(1 - 0.81**2) * random.normal(0, 1, 20000)
    c = 0.81 * b + math.sqrt(1 - 0.81**2) * random.normal(0, 1, 20000)
    assert effective_trials(np.stack([a, b, c], axis=1)) == 1
