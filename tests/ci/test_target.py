"""What a folder may hold, and what a range is: nothing odd is read, nothing is guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autarch.errors import UsageError
from ci.target import candidate_of_folder, parse_range


@pytest.fixture
def folder(tmp_path: Path, kit) -> Path:
    made = tmp_path / "probe"
    made.mkdir()
    (made / "manifest.toml").write_bytes(kit.manifest(params="[params]\nfast = 10\nslow = 40"))
    (made / "strategy.py").write_text(kit.head + kit.trend)
    return made


def test_a_plain_folder_is_one_strategy_without_a_tree(folder) -> None:
    (folder / "README.md").write_text("why")
    (folder / "__pycache__").mkdir()

    candidate = candidate_of_folder(folder, base="b" * 40)

    assert candidate.problems == ()
    assert (candidate.slug, candidate.kind, candidate.tree, candidate.base) == ("probe", "strategy", None, "b" * 40)
    assert candidate.source is not None
    assert candidate.source.code == (folder / "strategy.py").read_bytes()


def a_link(folder: Path) -> None:
    (folder / "strategy.py").rename(folder.parent / "elsewhere.py")
    (folder / "strategy.py").symlink_to(folder.parent / "elsewhere.py")


def a_folder(folder: Path) -> None:
    (folder / "manifest.toml").unlink()
    (folder / "manifest.toml").mkdir()


def a_pipe(folder: Path) -> None:
    (folder / "strategy.py").unlink()
    os.mkfifo(folder / "strategy.py")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (a_link, "links are refused"),
        (a_pipe, "no regular file"),
        (a_folder, "no regular file"),
        (lambda f: (f / "strategy.py").unlink(), "strategy.py is missing"),
        (lambda f: (f / "helper.py").write_text("x = 1"), "helper.py does not belong there"),
        (lambda f: (f / ".gitattributes").write_text("* export-subst"), ".gitattributes does not belong there"),
        (lambda f: (f / "strategy.py").write_bytes(b"x = 1\n\xc3\xa9"), "strategy.py:2 holds a byte that is not ASCII"),
        (lambda f: (f / "strategy.py").write_bytes(b"x = 1\0"), "not ASCII"),
        (lambda f: (f / "strategy.py").write_bytes(b"#" * 200_000), "more than 131072 bytes"),
    ],
)
def test_anything_else_is_a_problem_with_its_cure_and_no_source(folder, spoil, told) -> None:
    spoil(folder)

    candidate = candidate_of_folder(folder, base=None)

    assert candidate.source is None
    assert any(told in problem for problem in candidate.problems)


def test_a_manifest_that_does_not_parse_is_told_apart_from_a_bad_folder(folder) -> None:
    (folder / "manifest.toml").write_text('schema = 1\nname = "other"\n')

    candidate = candidate_of_folder(folder, base=None)

    assert candidate.problems == ()
    assert candidate.source is None
    assert "manifest.toml" in (candidate.source_problem or "")


def test_a_folder_under_another_name_is_refused_by_name(folder, tmp_path) -> None:
    folder.rename(tmp_path / "probes")

    assert "'probe'" in (candidate_of_folder(tmp_path / "probes", base=None).source_problem or "")


def test_what_is_no_folder_is_misuse(tmp_path, folder) -> None:
    (tmp_path / "linked").symlink_to(folder)
    for path in (tmp_path / "nothing", folder / "strategy.py", tmp_path / "linked"):
        with pytest.raises(UsageError, match="is no folder"):
            candidate_of_folder(path, base=None)


def test_a_folder_that_was_mistyped_or_named_without_its_own_is_asked_back(tmp_path) -> None:
    (tmp_path / "strategies" / "my_first").mkdir(parents=True)
    (tmp_path / "strategies" / "my_first" / "manifest.toml").touch()
    meant = tmp_path / "strategies" / "my_first"

    for typed in ("strategies/my_frist", "my_first", "strategy/my_first"):
        with pytest.raises(UsageError, match=f"did you mean {meant}\\?"):
            candidate_of_folder(tmp_path / typed, base=None)
    with pytest.raises(UsageError, match="name one such as strategies/ema_trend"):
        candidate_of_folder(tmp_path / "strategies" / "quite_another", base=None)


def test_ranges_have_exactly_two_sides() -> None:
    assert parse_range("main..agent/x-1") == ("main", "agent/x-1")
    assert parse_range("strategies/ema_trend") is None
    for wrong in ("main...x", "..x", "main..", "a..b..c"):
        with pytest.raises(UsageError, match="is no range"):
            parse_range(wrong)
