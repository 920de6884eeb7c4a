"""The mutants that the gate is tried with: real changes of what runs, and a copy that shows each death."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from benchmarks.mutation import run
from benchmarks.mutation.again import again, merged, to_try
from benchmarks.mutation.forked import UNBEGUN, Stage, first_failure
from benchmarks.mutation.known import explained, known, lines_of, why_of
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
        for stage in (*area.first, *area.tests):
            assert all((root / argument).exists() for argument in stage.arguments if argument.startswith("tests/"))


def test_the_tests_that_import_a_module_are_asked_first(root: Path):
    area = next(area for area in AREAS if area.name == "gate")
    mutant = Mutant(path="ci/checks/risk.py", line=1, column=1, start=0, end=1, old="a", new="b")

    first = stages_of(root, area, mutant)[0]

    assert first.arguments[0] == "tests/ci/test_risk.py"
    assert len(first.arguments) < 12


def test_the_untried_are_tried_first_then_survivors_and_those_that_ran_out_of_time():
    rows = [
        {"killed_by": "tests/x.py::test"},
        {"killed_by": None, "outlived": 2},
        {"killed_by": "timeout"},
        {"killed_by": None, "outlived": 0},
    ]

    assert to_try(rows) == [rows[3], rows[1], rows[2]]


def test_what_became_of_a_mutant_takes_the_place_of_what_was_written_of_it_before():
    rows = [{"mutant": "a:1"}, {"mutant": "b:1"}]

    assert merged(rows, {"mutant": "a:2"}, was="a:1") == [{"mutant": "a:2"}, {"mutant": "b:1"}]
    assert merged(rows, {"mutant": "c:1"}, was="c:1") == [*rows, {"mutant": "c:1"}]


def test_a_survivor_is_found_again_by_its_change_near_where_it_was(tmp_path: Path):
    (tmp_path / "ci/checks").mkdir(parents=True)
    (tmp_path / "ci/checks/x.py").write_text("a = 1 < 2\n" + "\n" * 30 + "b = (3 < 4, 5 < 6)\n")
    row = {"area": "gate", "mutant": "ci/checks/x.py:29:14 '<' -> '<='", "killed_by": None}

    area, mutant = again(tmp_path, row)

    assert (area.name, mutant.line, mutant.column, mutant.new) == ("gate", 32, 15, "<=")
    assert mutant.label == "ci/checks/x.py:32:15 '<' -> '<='"
    assert again(tmp_path, {**row, "mutant": "ci/checks/x.py:3 '<' -> '<='"})[1].line == 1  # a label of before columns
    with pytest.raises(ValueError, match="no such change any more"):
        again(tmp_path, {**row, "mutant": "ci/checks/x.py:29 '>' -> '>='"})
    with pytest.raises(ValueError, match="no such change any more"):
        again(tmp_path, {**row, "mutant": "ci/gone.py:1 '<' -> '<='"})
    with pytest.raises(ValueError, match="no row of a mutation run"):
        again(tmp_path, {**row, "area": "moon"})


def test_every_mutant_that_may_live_is_one_of_a_line_that_stands(root: Path):
    for one in known():
        source = (root / one.path).read_text()
        places = [m for m in mutants_of(one.path, source) if lines_of(m, source) == (one.was, one.now)]
        assert places, f"{one.path}: {one.was!r} is no longer there, or no change makes it {one.now!r}"
        assert {why_of(place, source) for place in places} == {one.why}


def test_a_mutant_nobody_has_explained_has_no_reason():
    assert why_of(mutants_of("x.py", SOURCE)[1], SOURCE) is None


def test_a_survivor_is_explained_by_the_list_as_it_is_now(root: Path):
    one = known()[0]
    source = (root / one.path).read_text()
    place = next(m for m in mutants_of(one.path, source) if lines_of(m, source) == (one.was, one.now))
    row = {"area": "gate", "mutant": place.label, "killed_by": None, "outlived": 1, "of": 4}

    assert explained(root, row) == {**row, "why": one.why}
    assert explained(root, {**row, "killed_by": "tests/x.py::y"}) == {**row, "killed_by": "tests/x.py::y"}


def test_a_run_that_does_not_begin_without_a_mutant_is_no_death(root, monkeypatch):
    stage = Stage(arguments=("tests/benchmarks/test_that_is_gone.py",))
    mutant = mutants_of("x.py", SOURCE)[0]
    monkeypatch.setattr(run, "_HERE", [(root, root)])
    monkeypatch.setattr(run, "_mutated", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(run, "first_failure", lambda *_, **__: f"{UNBEGUN} (pytest exit 4)")

    with pytest.raises(RuntimeError, match=r"do not begin without any mutant: tests/benchmarks/test_that_is_gone.py"):
        run._killer(stage, mutant)


def test_where_all_is_spared_nothing_runs_in_its_place(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_other.py").write_text("def test_other():\n    assert False\n")
    stage = Stage(arguments=("tests/test_ailing.py", "-m", "not slow"))

    assert first_failure(tmp_path, stage, cache=tmp_path, spared=["tests/test_ailing.py"]) is None
    assert not (tmp_path / ".mutation-run.txt").exists()  # no pytest was even begun


def test_every_file_that_a_run_of_tests_names_is_there(root):
    named = [argument for area in AREAS for stage in (*area.first, *area.tests) for argument in stage.arguments]

    assert [path for path in named if path.startswith("tests/") and not (root / path.partition("::")[0]).exists()] == []
    assert any(path.startswith("tests/") for path in named)
