"""Running git at all."""

from __future__ import annotations

import pytest

from autarch.errors import ConfigError
from autarch.repo.git import GitRepo


def test_without_git_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match=r"git is not on PATH; install git .*Debian: git"):
        GitRepo(tmp_path).resolve("HEAD")
