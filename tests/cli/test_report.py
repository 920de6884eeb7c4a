"""`autarch report`: in which clone it looks, wherever what it is asked of lies."""

from __future__ import annotations

import subprocess

import pytest

from autarch.cli.report import _repo
from autarch.errors import UsageError
from autarch.repo.runner import SAFE_ENVIRONMENT


def a_clone(folder):
    subprocess.run(["git", "init", "-q", str(folder)], check=True, env=SAFE_ENVIRONMENT)
    return folder


def test_a_claim_that_was_sent_is_read_from_the_clone_one_stands_in(tmp_path, monkeypatch) -> None:
    clone, sent = a_clone(tmp_path / "clone"), tmp_path / "claim.json"
    sent.touch()
    monkeypatch.chdir(clone)

    assert _repo(str(sent)).path == clone


def test_what_lies_in_a_clone_is_read_from_there_wherever_one_stands(tmp_path, monkeypatch) -> None:
    clone = a_clone(tmp_path / "clone")
    (clone / "strategies" / "mine").mkdir(parents=True)
    (clone / "claim.json").touch()
    monkeypatch.chdir(tmp_path)

    assert _repo(str(clone / "claim.json")).path == clone
    assert _repo("clone/strategies/mine").path == clone
    with pytest.raises(UsageError, match="is in no clone of a project"):
        _repo("mine")
