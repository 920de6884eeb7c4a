"""Rules of taste that a machine can keep: sizes, asserting tests, no machine paths, no leftovers."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FOREIGN_PATH = re.compile(r"(?<![A-Za-z0-9_.])/(?:home|root|Users|work|farm)/[a-z]")
LEFTOVER = re.compile(r"\b(?:TO(?:DO)|FIX(?:ME)|X(?:X{2}))\b")
REGISTRY = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian\.org")
TEXT = {".py", ".toml", ".md", ".yml", ".yaml", ".json", ".html", ".sh", ".cfg", ""}


def tracked(root: Path) -> list[Path]:
    named = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout
    return [root / n for n in named.decode().split("\0") if n and (root / n).is_file()]


def python_files(root: Path) -> list[Path]:
    return [p for p in tracked(root) if p.suffix == ".py"]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def long_modules(files: list[Path]) -> list[str]:
    counted = [(p, len(p.read_text(encoding="utf-8").splitlines())) for p in files]
    return [f"{p}: {n} lines, at most {MODULE_LINES_MAX}" for p, n in counted if n > MODULE_LINES_MAX]


def long_functions(files: list[Path]) -> list[str]:
    found = []
    for path in files:
        for node in functions(ast.parse(path.read_text(encoding="utf-8"))):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                found.append(f"{path}:{node.lineno} {node.name}: {length} lines, at most {FUNCTION_LINES_MAX}")
    return found


def asserts_something(test: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert) and not (isinstance(node.test, ast.Constant) and node.test.value):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"pytest.raises", "pytest.fail", "pytest.warns"} or called.split(".")[-1].startswith(
                "assert_"
            ):
                return True
    return False


def idle_tests(files: list[Path]) -> list[str]:
    return [
        f"{path}:{node.lineno} {node.name} asserts nothing"
        for path in files
        for node in functions(ast.parse(path.read_text(encoding="utf-8")))
        if node.name.startswith("test_") and not asserts_something(node)
    ]


def lines_matching(files: list[Path], pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in files:
        if path.suffix not in TEXT or path.name in {"COPYING", "test_tidy.py"} or "assets" in path.parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path}:{number}: {line.strip()[:100]}")
    return found


def test_modules_and_functions_stay_short(root: Path) -> None:
    files = python_files(root)

    assert long_modules(files) == []
    assert long_functions(files) == []


def test_every_test_asserts_something(root: Path) -> None:
    assert idle_tests([p for p in python_files(root) if p.name.startswith("test_")]) == []


@pytest.mark.parametrize("pattern", [FOREIGN_PATH, LEFTOVER, REGISTRY], ids=["machine path", "leftover", "registry"])
def test_no_file_carries_what_must_not_land(root: Path, pattern: re.Pattern[str]) -> None:
    assert lines_matching(tracked(root), pattern) == []


def test_the_rules_above_fire(tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text("def f():\n" + "    x = 1\n" * 401)
    idle = tmp_path / "test_idle.py"
    idle.write_text("def test_nothing():\n    assert True\n")
    leaky = tmp_path / "leaky.md"
    leaky.write_text("see /home/" + "someone/notes, TO" + "DO\n")

    assert len(long_modules([long])) == 1
    assert len(long_functions([long])) == 1
    assert len(idle_tests([idle])) == 1
    assert len(lines_matching([leaky], FOREIGN_PATH)) == 1
    assert len(lines_matching([leaky], LEFTOVER)) == 1
