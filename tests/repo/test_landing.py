"""What a merge puts on main is exactly what the branch showed and the gate judged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.strategies import classify

WHO = Person(name="agent", email="agent@example.invalid", when_s=1_700_000_000)
MANIFEST, CODE = "strategies/alpha_one/manifest.toml", "strategies/alpha_one/strategy.py"
OTHER = "strategies/beta_two/manifest.toml"


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "r.git"], check=True)
    return GitRepo(tmp_path / "r.git")


def commit(repo: GitRepo, parents: list[str], files: dict[str, bytes], *, onto: str | None = None) -> str:
    start = onto or (parents[0] if parents else None)
    tree = repo.with_files(None if start is None else repo.tree_of(start), files)
    return repo.commit_tree(tree, parents=parents, message="Change\n", author=WHO)


@pytest.fixture
def start(repo: GitRepo) -> str:
    first = {MANIFEST: b"a = 1\n", CODE: b"one\n", OTHER: b"b = 1\n", "strategies/beta_two/strategy.py": b"two\n"}
    return commit(repo, [], {**first, "ci/policy.toml": b"limit = 1\n"})


def test_a_branch_that_main_has_left_alone_lands_as_shown(repo: GitRepo, start: str) -> None:
    main = commit(repo, [start], {OTHER: b"b = 2\n"})
    head = commit(repo, [start], {CODE: b"better\n"})

    change = classify(repo, base=main, head=head)

    assert (change.kind, change.slug, change.problems) == ("strategy", "alpha_one", ())


def test_new_code_judged_with_an_old_manifest_does_not_meet_mains_new_one(repo: GitRepo, start: str) -> None:
    main = commit(repo, [start], {MANIFEST: b"a = 480\n"})
    head = commit(repo, [start], {CODE: b"cheat when a is 480\n"})

    problems = classify(repo, base=main, head=head).problems

    assert "a mix would land: merge main into the branch" in problems[0]


def test_a_branch_cannot_carry_a_revert_of_another_proposal(repo: GitRepo, start: str) -> None:
    one = commit(repo, [start], {OTHER: b"b = 2\n"})
    two = commit(repo, [start], {MANIFEST: b"a = 2\n"})
    main = commit(repo, [one, two], {MANIFEST: b"a = 2\n"})
    head = commit(repo, [two, one], {CODE: b"a comment\n"}, onto=two)

    change = classify(repo, base=main, head=head)

    assert any("merging would not do to" in problem or "conflicts" in problem for problem in change.problems)


def test_a_platform_branch_lands_as_shown_or_not_at_all(repo: GitRepo, start: str) -> None:
    one = commit(repo, [start], {"ci/policy.toml": b"limit = 2\n"})
    two = commit(repo, [start], {"docs/a.md": b"x\n"})
    main = commit(repo, [one, two], {"docs/a.md": b"x\n"})
    fair = commit(repo, [start], {"docs/b.md": b"y\n"})
    reverting = commit(repo, [two, one], {"docs/c.md": b"z\n"}, onto=two)

    assert classify(repo, base=main, head=fair).problems == ()
    assert classify(repo, base=main, head=reverting).problems != ()


def test_a_conflict_names_the_file_and_the_cure(repo: GitRepo, start: str) -> None:
    main = commit(repo, [start], {CODE: b"theirs\n"})
    head = commit(repo, [start], {CODE: b"ours\n"})

    assert classify(repo, base=main, head=head).problems == (
        f"merging into main conflicts in {CODE}: merge main into the branch and push.",
    )
