"""A walk owns its folder: nobody else's is removed, two never share one, a killed one is cleaned up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autarch.cli import walk
from autarch.cli.demo import require_seeds
from autarch.errors import ConfigError, UndecidedError, UsageError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    (root / "a.txt").write_text("a\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", *identity, "commit", "-q", "-m", "Start"], cwd=root, check=True)
    return root


def test_a_folder_that_is_no_walk_is_left_alone(project: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work\n")

    with pytest.raises(ConfigError, match="no walk of ours"):
        walk.fresh_workspace(project, mine)

    assert (mine / "thesis.txt").read_text() == "years of work\n"


def test_a_walk_is_made_anew_and_the_server_of_a_killed_one_is_ended(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "workspace"
    walk.fresh_workspace(project, target)
    (target / "left.txt").write_text("over\n")
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], cwd=target)
    (target / walk.MARK / "server.pid").write_text(str(orphan.pid))
    try:
        walk.fresh_workspace(project, target)

        assert orphan.wait(timeout=30) != 0
    finally:
        orphan.kill()
        orphan.wait()
    assert not (target / "left.txt").exists()
    assert (target / "a.txt").exists()


def test_a_walk_that_was_stopped_while_it_cloned_is_made_anew(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "workspace"
    (target / walk.MARK / "clone" / ".git").mkdir(parents=True)

    walk.fresh_workspace(project, target)

    assert (target / "a.txt").read_text() == "a\n"
    status = ["git", "status", "--porcelain", "--branch"]
    assert subprocess.run(status, cwd=target, capture_output=True, text=True, check=True).stdout.split()[1:] == [
        "main...origin/main"
    ]


def test_a_removal_that_stopped_half_way_still_knows_the_folder_as_ours(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "workspace"
    walk.fresh_workspace(project, target)
    whole = walk.shutil.rmtree

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(walk.shutil, "rmtree", stopped)
    with pytest.raises(KeyboardInterrupt):
        walk.fresh_workspace(project, target)
    monkeypatch.setattr(walk.shutil, "rmtree", whole)

    walk.fresh_workspace(project, target)
    assert (target / "a.txt").exists()


def test_a_clone_that_fails_leaves_no_folder_and_says_why_in_a_line(project: Path, tmp_path: Path) -> None:
    (project / ".git" / "HEAD").unlink()

    with pytest.raises(ConfigError, match="cannot make a clone of") as refused:
        walk.fresh_workspace(project, tmp_path / "workspace")

    assert "\n" not in str(refused.value)
    assert not (tmp_path / "workspace").exists()


def test_a_process_that_only_shares_the_number_is_not_ended(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "workspace"
    walk.fresh_workspace(project, target)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], cwd=tmp_path)
    (target / walk.MARK / "server.pid").write_text(str(stranger.pid))
    try:
        walk.end_left_over(target)

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_walks_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    held = walk._only_one(tmp_path / "workspace")

    with pytest.raises(ConfigError, match="another walk is at work"):
        walk._only_one(tmp_path / "workspace")

    walk._only_one(tmp_path / "other").close()
    held.close()
    walk._only_one(tmp_path / "workspace").close()
    assert held.closed


def test_a_command_that_ends_otherwise_stops_the_walk_with_what_it_said(tmp_path: Path) -> None:
    said: list[str] = []
    with (tmp_path / "lock").open("wb") as lock:
        here = walk.Walk(workspace=tmp_path, code=Path(walk.__file__).parents[2], say=said.append, lock=lock)

        with pytest.raises(UndecidedError, match=r"(?s)exit code 2, expected 0.*No such command"):
            here.run("nosuch", show="nothing")

    assert said[0] == "$ autarch nosuch"


def test_a_seed_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "strategies" / "ema_trend").mkdir(parents=True)

    require_seeds(tmp_path, "ema_trend")
    with pytest.raises(UsageError, match="names 'ema_trent', and there is no such strategy; there are: ema_trend"):
        require_seeds(tmp_path, "ema_trend, ema_trent")
