"""The mutants that the gate is tried with: real changes of what runs, and a copy that shows each death."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mutation.plan import AREAS, chosen, modules_of
from benchmarks.mutation.run import stages_of
from benchmarks.mutation.sites import Mutant, mutants_of

SOURCE = '''"""Three is a number of this text, 3 < 4 too."""

LIMIT: int = 3


def judge(value: float, seen: list[int]) -> bool:
    """Pass below 3."""
    if value < LIMIT and not seen:
        return True
    if value in seen:
        raise ValueError(f"{value + 1} is above {LIMIT * 2}")
    return (value - 1) / 2 > 0
'''


def test_every_kind_of_change_is_found_once_and_nothing_that_only_words_a_message():
    found = [(m.line, m.old, m.new) for m in mutants_of("x.py", SOURCE)]

    assert found == [
        (3, "3", "4"),
        (8, "<", "<="),
        (8, "and", "or"),
        (8, "not seen", "seen"),
        (9, "True", "False"),
        (10, "in", "not in"),
        (12, "-", "+"),
        (12, "1", "2"),
        (12, "/", "*"),
        (12, "2", "3"),
        (12, ">", ">="),
        (12, "0", "1"),
    ]


def test_a_mutant_changes_one_place_and_refuses_a_module_that_has_moved():
    mutant = mutants_of("x.py", SOURCE)[1]

    assert mutant.applied(SOURCE) == SOURCE.replace("value < LIMIT", "value <= LIMIT")
    with pytest.raises(ValueError, match="list the mutants again"):
        mutant.applied("\n" + SOURCE)


def test_places_after_characters_of_several_bytes_are_found():
    source = 'NAME = "\u00e9\u00e9"; LIMIT = 1 < 2\n'

    assert [m.applied(source) for m in mutants_of("x.py", source)][1] == source.replace("<", "<=")


def test_the_same_seed_draws_the_same_mutants_in_their_shares(root):
    drawn = chosen(root, count=20, seed=3)

    assert drawn == chosen(root, count=20, seed=3)
    assert [area.name for area, _ in drawn] == ["gate"] * 10 + ["kernel"] * 6 + ["contract"] * 4


def test_each_area_names_modules_and_tests_that_exist(root):
    for area in AREAS:
        assert len(modules_of(root, area)) >= 5
        for stage in area.tests:
            assert all((root / argument).exists() for argument in stage if argument.startswith("tests/"))


def test_the_tests_that_import_a_module_are_asked_first(root: Path):
    area = next(area for area in AREAS if area.name == "gate")
    mutant = Mutant(path="ci/checks/risk.py", line=1, start=0, end=1, old="a", new="b")

    first = stages_of(root, area, mutant)[0]

    assert "tests/ci/test_risk.py" in first
    assert len(first) < 12
