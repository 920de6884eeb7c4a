"""What judges and what is judged are values: nothing changes them after they were made."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGES = ("ci", "autarch/engine", "autarch/strategy", "autarch/evaluation", "autarch/evidence")
FILLED_IN = {
    "ci/checklist.py Checklist",
    "ci/checks/poison.py _Series",
    "ci/page.py _Inside",
    "ci/running.py StrategyRun",
}
"""Made empty and filled in while a gate runs; each is a dataclass of one function's making."""


def unfrozen(source: str) -> list[str]:
    """Return the names of the dataclasses and structs that may be changed after they were made."""
    classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    asked = [(node.name, freezings(node)) for node in classes]
    return [name for name, words in asked if words is not None and words != ["True"]]


def freezings(node: ast.ClassDef) -> list[str] | None:
    """Return what a value's class says of `frozen`, nothing where it says nothing; None for a class of another kind."""
    for one in node.decorator_list:
        called, words = (one.func, one.keywords) if isinstance(one, ast.Call) else (one, [])
        if ast.unparse(called).split(".")[-1] == "dataclass":
            return [ast.unparse(word.value) for word in words if word.arg == "frozen"]
    said = [ast.unparse(word.value) for word in node.keywords if word.arg == "frozen"]
    is_struct = any(ast.unparse(base).split(".")[-1] == "Struct" for base in node.bases)
    return said if said or is_struct else None


def test_nothing_that_judges_or_is_judged_changes_after_it_was_made(root: Path) -> None:
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]

    found = {f"{path.relative_to(root)} {name}" for path in paths for name in unfrozen(path.read_text("utf-8"))}

    assert len(paths) > 100
    assert found == FILLED_IN


@pytest.mark.parametrize(
    "source",
    [
        "@dataclass\nclass A: ...",
        "@dataclasses.dataclass(frozen=False, slots=True)\nclass A: ...",
        "class A(msgspec.Struct): ...",
        "class A(Tables, frozen=False, kw_only=True): ...",
    ],
)
def test_a_value_that_may_change_is_seen(source: str) -> None:
    assert unfrozen(source) == ["A"]
    assert unfrozen("@dataclass(frozen=True)\nclass B: ...\nclass C(Struct, frozen=True): ...\nclass D: ...") == []
