"""What a repository can do to a strategy between its judge and its runner is refused by scope."""

from __future__ import annotations

from pathlib import Path

import pytest

from autarch.repo.git import GitRepo
from ci.checks import policy, scope

from .tricks import HERE, TRICKS, Trick, a_main, played, proposed


@pytest.fixture
def place(tmp_path: Path) -> tuple[GitRepo, str]:
    return a_main(tmp_path / "repo")


def test_the_strategy_that_every_trick_rests_on_is_accepted(place: tuple[GitRepo, str]) -> None:
    candidate = proposed(*place, None)

    assert scope.check(candidate).verdict == "passed"
    assert policy.check(candidate).verdict == "passed"


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_a_trick_of_the_repository_is_refused_by_scope(place: tuple[GitRepo, str], trick: Trick) -> None:
    candidate = proposed(*place, trick)

    answer = scope.check(candidate)

    assert answer.verdict == "failed"
    assert trick.says in answer.detail
    assert candidate.source is None  # nothing of it is ever read as a strategy


@pytest.mark.parametrize("trick", [t for t in TRICKS if t.checked_out], ids=lambda trick: trick.name)
def test_a_checkout_would_have_run_other_bytes(place: tuple[GitRepo, str], trick: Trick, tmp_path: Path) -> None:
    repo, main = place
    head = played(repo, main, trick)
    (tmp_path / "tree").mkdir()

    repo.run("--work-tree", str(tmp_path / "tree"), "checkout", "--force", head, "--", ".")

    judged = repo.blob_at(head, f"{HERE}/strategy.py")
    assert (tmp_path / "tree" / HERE / "strategy.py").read_bytes() != judged


def test_an_archive_would_have_run_the_commit_message(place: tuple[GitRepo, str], tmp_path: Path) -> None:
    repo, main = place
    trick = next(t for t in TRICKS if t.name == "export_subst")

    repo.run("archive", "--format=tar", f"--output={tmp_path / 'it.tar'}", played(repo, main, trick), HERE)

    assert b"\nimport os\n" in (tmp_path / "it.tar").read_bytes()
