"""The generated tables of docs/security.md: put between their marks, and holes and survivors named."""

from __future__ import annotations

import pytest

from benchmarks.security import markdown, mutants_table, replaced


def test_a_table_takes_the_place_between_its_marks_and_leaves_the_rest():
    page = "before\n<!-- escapes: begin -->\nold\n<!-- escapes: end -->\nafter\n"

    once = replaced(page, {"escapes": "new \\1"})

    assert once == "before\n<!-- escapes: begin -->\nnew \\1\n<!-- escapes: end -->\nafter\n"
    assert replaced(once, {"escapes": "new \\1"}) == once
    with pytest.raises(ValueError, match="0 places for honest"):
        replaced(page, {"honest": "x"})


def test_the_page_has_the_marks_of_every_table(root):
    page = (root / "docs/security.md").read_text()

    assert replaced(page, dict.fromkeys(("escapes", "canaries", "honest", "mutants"), "x")).count("\nx\n") == 4


def test_cells_cannot_break_the_table():
    assert markdown(("a", "b"), [("x|y", "one\ntwo")]) == "| a | b |\n|---|---|\n| x¦y | one two |"


def test_survivors_without_a_reason_are_faults():
    table, faults = mutants_table(
        [
            {"area": "gate", "mutant": "ci/a.py:1 '<' -> '<='", "killed_by": "tests/x.py::y"},
            {"area": "gate", "mutant": "ci/a.py:2 '1' -> '2'", "killed_by": None, "outlived": 1, "of": 4},
            {"area": "gate", "mutant": "ci/a.py:3 '1' -> '2'", "killed_by": None, "outlived": 0},
            {
                "area": "kernel",
                "mutant": "k.py:3 '+' -> '-'",
                "killed_by": None,
                "outlived": 3,
                "of": 3,
                "why": "the same number",
            },
        ]
    )

    assert "| gate | 3 | 2 | 1 |" in table
    assert "| kernel | 1 | 1 | 0 |" in table
    assert "| all | 4 | 3 | 1 |" in table
    assert "| 1 of 4 | not explained |" in table
    assert "the same number" in table
    assert faults == ["mutant lives unexplained: `ci/a.py:2 '1' -> '2'`"]
