"""Real repositories to look at."""

from __future__ import annotations

import pytest

from autarch.repo.git import GitRepo
from autarch.repo.objects import Person


@pytest.fixture
def somebody():
    return Person(name="Somebody", email="somebody@example.invalid", when_s=1_700_000_000)


@pytest.fixture
def repo(tmp_path):
    return make_repo(tmp_path / "repo")


@pytest.fixture
def commit(repo, somebody):
    """Commit files (path: bytes, or None to remove) on top of a commit."""

    def make(files, *parents, message="Change something\n"):
        tree = repo.with_files(repo.tree_of(parents[0]) if parents else None, files)
        return repo.commit_tree(tree, parents=parents, message=message, author=somebody)

    return make


def make_repo(path):
    path.mkdir()
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    return repo
