"""`autarch init --github` from an empty repository to rules in force, over real HTTP and git on loopback."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from autarch.cli.main import main as autarch
from autarch.evidence.ledger import LEDGER_REF
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.workspace import Workspace
from tests.forge import hosted

ROOT = Path(__file__).parents[2]
SOMEBODY = Person(name="Somebody", email="somebody@example.invalid", when_s=1)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone on main with this project's protection; the working directory."""
    folder = tmp_path / "clone"
    folder.mkdir()
    repo = GitRepo(folder)
    repo.run("init", "--quiet", "--initial-branch=main")
    own = [*(ROOT / ".github").glob("*/*.json"), ROOT / ".github/labels.json", ROOT / ".github/CODEOWNERS"]
    files: dict[str, bytes | None] = {str(file.relative_to(ROOT)): file.read_bytes() for file in own}
    files |= {"autarch/__init__.py": b"", "ci/policy.toml": b"schema = 1\n", ".gitignore": b".autarch/\n"}
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=SOMEBODY)
    subprocess.run(["git", "reset", "--quiet", "--hard", commit], cwd=folder, check=True, capture_output=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GITHUB_TOKEN", hosted.TOKEN)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    """An empty repository at the platform."""
    bare = tmp_path / "there.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "config", "http.receivepack", "true"], check=True)
    return hosted.Hosted(bare=bare)


def init(platform: Any, *more: str) -> int:
    return autarch(["init", "--github", platform.name, "--api-url", platform.url, "--profile", "pro", *more])


def test_an_empty_repository_gets_main_the_ledger_and_its_rules_and_again_changes_nothing(clone, empty, capsys) -> None:
    with hosted.serving_hosted(empty) as platform:
        code = init(platform, "--gate-app", "777", "--reviewer", "me")
        shown = capsys.readouterr()
        tips = GitRepo(empty.bare).refs("refs/")
        rulesets, writes = len(empty.rulesets), len(empty.writes)
        again = init(platform, "--gate-app", "777", "--reviewer", "me", "--json")
        told = json.loads(capsys.readouterr().out)

    workspace, repo = Workspace.find(clone), GitRepo(clone)
    section = workspace.config.forge
    assert (code, again) == (0, 0), shown
    assert tips == {"refs/heads/main": repo.read_ref("refs/heads/main"), LEDGER_REF: repo.read_ref(LEDGER_REF)}
    assert (section.kind, section.profile, section.gate_app, section.repository) == (
        "github",
        "pro",
        777,
        platform.name,
    )
    assert workspace.token("human") == hosted.TOKEN
    assert "the platform enforces:" in shown.out
    assert "no platform rule covers refs/autarch/**" in shown.out
    assert rulesets == len(empty.rulesets) > 4
    assert {piece["word"] for piece in told["pieces"] if piece["kind"] == "ruleset"} == {"kept"}
    assert not [call for call in empty.writes[writes:] if call[0] == "POST"]
    assert (clone / "ci" / "signers" / "ci").is_file()


def test_a_dry_run_makes_nothing_anywhere(clone, empty, capsys) -> None:
    before = GitRepo(clone).refs("refs/")

    with hosted.serving_hosted(empty) as platform:
        code = init(platform, "--dry-run", "--json")
    told = json.loads(capsys.readouterr().out)

    assert (code, told["dry_run"]) == (0, True)
    assert {piece["word"] for piece in told["pieces"]} == {"would be made", "would be changed"}
    assert empty.writes == []
    assert GitRepo(clone).refs("refs/") == before
    assert not (clone / ".autarch").exists()


def test_what_cannot_be_meant_is_told_before_anything_is_made(clone, empty, capsys, monkeypatch) -> None:
    with hosted.serving_hosted(empty) as platform:
        profile = autarch(["init", "--github", platform.name, "--api-url", platform.url, "--profile", "gold"])
        name = autarch(["init", "--github", "me/other", "--api-url", platform.url])
        monkeypatch.delenv("GITHUB_TOKEN")
        token = init(platform)
    told = capsys.readouterr().err

    assert (profile, name, token) == (2, 1, 2)
    assert "expected one of free, pro, org" in told
    assert "check the number, the name, and that the token may read" in told
    assert "GITHUB_TOKEN is not set" in told
    assert not (clone / ".autarch").exists()


def test_a_history_that_is_there_already_is_not_overwritten(clone, empty, capsys) -> None:
    there = GitRepo(empty.bare)
    other = there.commit_tree(there.with_files(None, {"x": b"x"}), parents=[], message="Theirs\n", author=SOMEBODY)
    there.update_ref("refs/heads/main", other, old=None)

    with hosted.serving_hosted(empty) as platform:
        code = init(platform)

    assert code != 0
    assert there.read_ref("refs/heads/main") == other
    assert not (clone / ".autarch" / "config.toml").exists()
    assert capsys.readouterr().err
