"""Running git at all."""

from __future__ import annotations

import git
import pytest

from autarch.errors import ConfigError
from autarch.repo.git import GitRepo, Remote
from autarch.repo.runner import GitError


def test_without_git_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match=r"git is not on PATH; install git .*Debian: git"):
        GitRepo(tmp_path).resolve("HEAD")


def test_a_server_that_is_gone_and_an_object_that_is_lost_say_what_to_do(tmp_path):
    repository = git.Repo.init(tmp_path / "there", initial_branch="main")
    (tmp_path / "there" / "a").write_text("a")
    repository.index.add(["a"])
    commit = repository.index.commit("Start")
    blob = commit.tree["a"].hexsha
    (tmp_path / "there" / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git.Repo.init(tmp_path / "here").close()
    here = GitRepo(tmp_path / "here")

    with pytest.raises(GitError, match=r"objects are damaged there: see what with `git fsck`"):
        here.fetch(Remote(url=(tmp_path / "there").as_uri()), [commit.hexsha])
    with pytest.raises(GitError, match=r"start the forge \(`autarch forge serve`\) or correct its URL"):
        here.ls_remote(Remote(url="http://127.0.0.1:9/none.git"), "refs/heads/main")
    repository.close()
