"""Signatures survive Git, tell copies and multiples from others, and fall into the cells the bounds say."""

from __future__ import annotations

import numpy as np
import pytest
from agents.evolution.behaviour import SAMPLES, Signature, bias_of, cell_of, resemblance, resemblances
from agents.evolution.novelty import copied_code, copied_decisions
from autarch.errors import DataError
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from world import settings

LIMITS = settings().novelty


def signature(levels: np.ndarray) -> Signature:
    whole = np.zeros((SAMPLES, 2), dtype=np.int16)
    whole[: levels.shape[0], 0] = levels
    return Signature(symbols=("BTCUSDT", "ETHUSDT"), levels=whole)


@profile(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_a_signature_comes_back_as_it_was_packed(seed: int) -> None:
    levels = np.random.default_rng(seed).integers(-200, 200, size=(SAMPLES, 2)).astype(np.int16)
    one = Signature(symbols=("BTCUSDT", "ETHUSDT"), levels=levels)

    again = Signature.unpacked(one.packed())

    assert again.symbols == one.symbols
    assert np.array_equal(again.levels, one.levels)


def test_bytes_that_are_no_signature_are_refused() -> None:
    with pytest.raises(DataError, match="does not unpack"):
        Signature.unpacked(b"nonsense")


def test_what_both_leave_flat_makes_nobody_alike() -> None:
    found = resemblance(signature(np.full(100, 50)), signature(np.full(100, -50)))

    assert found.alike == 0.0  # of the 100 samples where either holds; all others are flat in both
    assert found.direction == -1.0


def test_alike_counts_samples_with_one_sign_and_no_more_than_five_hundredths_apart() -> None:
    one, other = np.full(100, 50), np.full(100, 50)
    other[:10], other[10:20], other[20:30] = 55, 56, -50

    found = resemblance(signature(one), signature(other))

    assert found.alike == 0.80  # 100 - 10 that are six apart - 10 of the other sign


def test_many_are_compared_as_one_by_one_and_flat_ones_too() -> None:
    rng = np.random.default_rng(2)
    one = signature(rng.integers(-100, 100, size=500))
    others = [signature(rng.integers(-100, 100, size=500) * (number % 3)) for number in range(70)]

    found = list(resemblances(one, others))

    assert found == [resemblance(one, other) for other in others]
    assert (found[0].alike, found[0].direction) == (0.0, 0.0)  # the other never holds
    with pytest.raises(ValueError, match="cannot be compared"):
        list(resemblances(one, [Signature(symbols=("X",), levels=one.levels)]))


def test_a_copy_and_a_multiple_are_named_and_a_stranger_is_not() -> None:
    rng = np.random.default_rng(1)
    known = rng.integers(10, 100, size=500)
    stranger = rng.integers(-100, 100, size=500)

    assert copied_decisions(signature(known), [("old", signature(known))], limits=LIMITS)[0] == "old"
    assert "multiple" in copied_decisions(signature(known // 2), [("old", signature(known))], limits=LIMITS)[1]
    assert copied_decisions(signature(stranger), [("old", signature(known))], limits=LIMITS) is None


def test_code_that_does_not_parse_is_nobodys_copy() -> None:
    assert copied_code("", [("old", "")]) is None
    assert copied_code("ab", [("older", "cd"), ("old", "ab")]) == "old"


def test_a_cell_is_told_by_the_bounds_and_a_bound_belongs_to_the_cell_above() -> None:
    bounds = settings().archive  # turnover 0.1 0.5 2.0, hours 6 24 96, bias -0.33 0.33
    metrics = {"turnover_per_day": 0.5, "mean_holding_hours": 5.9}

    assert cell_of(metrics, bias=0.5, regime=2, bounds=bounds) == (2, 0, 2, 2)
    assert cell_of({"turnover_per_day": None}, bias=-0.5, regime=0, bounds=bounds) == (0, 0, 0, 0)


def test_bias_is_the_sum_over_the_sum_of_sizes() -> None:
    assert bias_of(signature(np.array([30, -10, 0]))) == 0.5  # (30 - 10) / (30 + 10)
    assert bias_of(signature(np.zeros(5))) == 0.0
