"""Grids as they are written, and what the best of many shows by luck."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.errors import UsageError
from autarch.sweep.grid import SETS_MAX, parse_grid
from autarch.sweep.luck import best_by_luck

DEFAULTS = {"fast": 20, "slow": 100, "entry": 0.5, "on": True}


def test_a_range_counts_up_to_its_high_and_the_last_parameter_moves_fastest() -> None:
    found = parse_grid(["fast=5:15:5", "slow=20,50"], DEFAULTS)

    assert found == [{"fast": fast, "slow": slow} for fast in (5, 10, 15) for slow in (20, 50)]


def test_a_high_between_steps_is_not_reached() -> None:
    assert parse_grid(["fast=5:14:5"], DEFAULTS) == [{"fast": 5}, {"fast": 10}]


def test_floats_keep_their_type_and_few_digits() -> None:
    found = [each["entry"] for each in parse_grid(["entry=0:1:0.1"], DEFAULTS)]

    assert found == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert all(isinstance(value, float) for value in found)
    assert parse_grid(["entry=1,2"], DEFAULTS) == [{"entry": 1.0}, {"entry": 2.0}]


def test_switches_are_words_and_nothing_asked_is_the_manifest_alone() -> None:
    assert parse_grid(["on=true,False"], DEFAULTS) == [{"on": True}, {"on": False}]
    assert parse_grid([], DEFAULTS) == [{}]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["fast"], "write name="),
        (["fast="], "write name="),
        (["width=1,2"], "fast, slow, entry, on"),
        (["fast=1,2", "fast=3,4"], "given twice"),
        (["fast=1,2,1"], "occurs twice"),
        (["fast=1.5,2"], "whole numbers, low:high:step"),
        (["fast=1-9"], "whole numbers, low:high:step or value,value"),
        (["entry=a"], "so write numbers"),
        (["entry=nan"], "finite"),
        (["on=1"], "true or false"),
        (["on=0:1:1"], "low:high:step"),
        (["fast=1:9"], "low:high:step"),
        (["fast=9:1:1"], "not above high"),
        (["fast=1:9:0"], "above zero"),
        ([f"fast=1:{SETS_MAX + 1}:1"], "at most"),
        (["fast=1:1000:1", "slow=1:1000:1"], "1,000,000 sets"),
        (["entry=0:1:1e-300"], "at most"),
    ],
)
def test_what_is_no_grid_is_refused_in_words(texts, said) -> None:
    with pytest.raises(UsageError, match=said):
        parse_grid(texts, DEFAULTS)


def test_the_best_of_many_without_skill_is_near_what_luck_predicts() -> None:
    rng = np.random.default_rng(5)
    draws = rng.normal(0.0, 0.7, (2_000, 50))

    predicted = best_by_luck(list(np.linspace(-1.0, 1.0, 50)))
    spread = float(np.std(np.linspace(-1.0, 1.0, 50), ddof=1))

    assert predicted / spread == pytest.approx(float(draws.max(axis=1).mean()) / 0.7, rel=0.03)


def test_luck_of_one_set_is_unknown() -> None:
    assert best_by_luck([1.0]) is None
