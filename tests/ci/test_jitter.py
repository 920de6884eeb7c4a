"""How parameters are moved, and how numbers that may be keys are."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from autarch.manifest import parse_source
from ci.checks.heart import code_moved, params_moved, significant_digits
from ci.checks.jitter import moved_sets, step_of


def moved(kit, *, params: str, search: str = "", sets_max: int = 100):
    source = parse_source(
        slug="probe", manifest_bytes=kit.manifest(params=f"[params]\n{params}", search=search), code=b""
    )
    found = moved_sets(source.manifest, sets_max=sets_max, rng=np.random.default_rng(1))
    return [(one.name, *one.params.values()) for one in found]


def test_without_search_every_number_moves_by_one_and_two_tenths(kit) -> None:
    found = moved(kit, params="n = 50\nx = 0.5\non = true\nzero = 0.0")

    assert found == [
        *(("n", value) for value in (40, 45, 55, 60)),
        *(("x", value) for value in (0.4, 0.45, 0.55, 0.6)),
    ]
    assert {type(value) for name, value in found if name == "n"} == {int}


def test_a_small_whole_number_moves_by_one(kit) -> None:
    assert moved(kit, params="n = 3") == [("n", 1), ("n", 2), ("n", 4), ("n", 5)]


def test_with_search_only_what_may_be_searched_moves_on_its_grid_and_within_its_range(kit) -> None:
    search = "[search]\nn = {low = 20, high = 55, step = 5}\nlog = {low = 0.1, high = 10.0, log = true}"

    found = moved(kit, params="n = 50\nlog = 1.0\nother = 7", search=search)

    # a tenth of 50 is one step of 5; 60 lies outside
    assert found == [("n", 40), ("n", 45), ("n", 55), ("log", 0.8), ("log", 0.9), ("log", 1.1), ("log", 1.2)]


def test_a_grid_finer_than_fine_does_not_make_jitter_nothing(kit) -> None:
    search = "[search]\nx = {low = 0.0, high = 1.0, step = 0.00001}"

    assert moved(kit, params="x = 0.5", search=search) == [("x", value) for value in (0.4, 0.45, 0.55, 0.6)]


def test_a_zero_with_a_range_moves_by_a_twentieth_of_it(kit) -> None:
    assert moved(kit, params="x = 0.0", search="[search]\nx = {low = -1.0, high = 1.0}") == [
        ("x", value) for value in (-0.2, -0.1, 0.1, 0.2)
    ]
    assert step_of(0.0, None) == 0.0


def test_more_sets_than_allowed_are_sampled_the_same_for_the_same_seed(kit) -> None:
    params = "\n".join(f"x{i} = 0.5" for i in range(10))

    found = moved(kit, params=params, sets_max=7)

    assert len(found) == 7
    assert found == moved(kit, params=params, sets_max=7)
    assert len({name for name, _ in found}) > 3


@pytest.mark.parametrize(
    ("value", "digits"),
    [(0, 0), (5, 1), (100, 1), (1440, 3), (365.25, 5), (0.0125, 3), (1e-9, 1), (0.1, 1), (12_300, 3), (-0.75, 2)],
)
def test_significant_digits_leave_the_zeros_around_out(value, digits) -> None:
    assert significant_digits(value) == digits


CODE = b'''"""Doc 123."""


def decide(bars, p):
    table = (1234, 56, 0.0125, 1234, -777)
    return table, 100.0, True, "4321"
'''


def test_numbers_of_three_digits_are_moved_alike_wherever_they_stand_and_others_not(kit) -> None:
    source = parse_source(slug="probe", manifest_bytes=kit.manifest(params="[params]\nkey = 1234\nn = 20"), code=CODE)

    found = code_moved(source, np.random.default_rng(1))

    numbers = [node.value for node in ast.walk(ast.parse(found.code)) if isinstance(node, ast.Constant)]
    assert found.manifest.params == source.manifest.params
    assert numbers.count(1222) == 2  # 1 % of 1234 is 12, towards zero
    assert 769 in numbers  # 777 less 8, its sign apart
    assert {56, 100.0, True, "4321", "Doc 123."} <= set(numbers)
    assert 0.0125 not in numbers
    assert any(isinstance(n, float) and n == pytest.approx(0.0125, rel=0.0101) for n in numbers)


def test_numbers_of_params_are_moved_apart_from_the_code(kit) -> None:
    params = "[params]\nkey = 1234\nn = 20\nx = 0.0125\non = true"
    source = parse_source(slug="probe", manifest_bytes=kit.manifest(params=params), code=CODE)

    found = params_moved(source, np.random.default_rng(1))

    assert found.code == source.code
    assert found.manifest.params == {"key": 1222, "n": 20, "x": pytest.approx(0.0125, rel=0.0101), "on": True}
    assert found.manifest.params["x"] != 0.0125


def test_without_such_a_number_there_is_nothing_to_move(kit) -> None:
    source = parse_source(slug="probe", manifest_bytes=kit.manifest(), code=b"def decide(bars, p):\n    return 12\n")

    assert code_moved(source, np.random.default_rng(1)) is None
    assert params_moved(source, np.random.default_rng(1)) is None
