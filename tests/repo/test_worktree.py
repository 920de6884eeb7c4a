"""A clone follows the forge's main, and never at the price of somebody's work."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autarch.errors import RefusedError
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.runner import Remote
from autarch.repo.worktree import fast_forward_main

WHO = Person(name="human", email="human@example.invalid", when_s=1_700_000_000)


@pytest.fixture
def forge(tmp_path: Path) -> GitRepo:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", tmp_path / "forge.git"], check=True)
    repo = GitRepo(tmp_path / "forge.git")
    grow(repo, {"a.txt": b"one\n"})
    return repo


def grow(repo: GitRepo, files: dict[str, bytes]) -> str:
    old = repo.read_ref("refs/heads/main")
    tree = repo.with_files(None if old is None else repo.tree_of(old), files)
    commit = repo.commit_tree(tree, parents=[] if old is None else [old], message="Grow\n", author=WHO)
    repo.update_ref("refs/heads/main", commit, old=old)
    return commit


@pytest.fixture
def clone(forge: GitRepo, tmp_path: Path) -> GitRepo:
    subprocess.run(["git", "clone", "-q", forge.path, tmp_path / "clone"], check=True)
    return GitRepo(tmp_path / "clone")


def test_a_clean_clone_moves_forward_with_its_files(forge: GitRepo, clone: GitRepo) -> None:
    new = grow(forge, {"a.txt": b"two\n", "b/c.txt": b"new\n"})

    assert fast_forward_main(clone, Remote(url=str(forge.path))) == new
    assert clone.rev_parse("HEAD") == new
    assert (clone.path / "a.txt").read_bytes() == b"two\n"
    assert (clone.path / "b" / "c.txt").read_bytes() == b"new\n"
    assert clone.run("status", "--porcelain").stdout == b""


def test_a_clone_that_is_there_already_stays(forge: GitRepo, clone: GitRepo) -> None:
    here = clone.rev_parse("HEAD")

    assert fast_forward_main(clone, Remote(url=str(forge.path))) == here


def test_changed_files_are_kept_and_named(forge: GitRepo, clone: GitRepo) -> None:
    grow(forge, {"b.txt": b"new\n"})
    (clone.path / "a.txt").write_bytes(b"mine\n")

    with pytest.raises(RefusedError, match=r"a\.txt"):
        fast_forward_main(clone, Remote(url=str(forge.path)))

    assert (clone.path / "a.txt").read_bytes() == b"mine\n"


def test_an_untracked_file_in_the_way_is_kept(forge: GitRepo, clone: GitRepo) -> None:
    grow(forge, {"b.txt": b"theirs\n"})
    (clone.path / "b.txt").write_bytes(b"mine\n")
    before = clone.rev_parse("HEAD")

    with pytest.raises(RefusedError, match=r"b\.txt"):
        fast_forward_main(clone, Remote(url=str(forge.path)))

    assert (clone.path / "b.txt").read_bytes() == b"mine\n"
    assert clone.rev_parse("HEAD") == before


def test_own_commits_on_main_are_refused(forge: GitRepo, clone: GitRepo) -> None:
    grow(clone, {"mine.txt": b"1\n"})
    grow(forge, {"theirs.txt": b"1\n"})

    with pytest.raises(RefusedError, match="lacks"):
        fast_forward_main(clone, Remote(url=str(forge.path)))


def test_another_branch_is_left_alone(forge: GitRepo, clone: GitRepo) -> None:
    grow(forge, {"b.txt": b"new\n"})
    subprocess.run(["git", "switch", "-q", "-c", "idea"], cwd=clone.path, check=True)

    with pytest.raises(RefusedError, match="git switch main"):
        fast_forward_main(clone, Remote(url=str(forge.path)))
