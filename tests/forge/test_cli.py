"""`autarch forge serve` and `autarch pr`, as processes and as calls."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from autarch.cli.main import main
from autarch.forge.state import ForgeState
from autarch.forge.terminal import plain, unescaped
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.workspace import Config, ForgeSection, render_config

from .conftest import Keys, Yard, make_state, make_yard


@pytest.fixture(scope="module")
def shared(tmp_path_factory, project, keys: Keys) -> Iterator[Yard]:
    with make_yard(tmp_path_factory.mktemp("cli"), project, keys) as made:
        write_workspace(made.state.root.parent, made.tokens)
        yield made


@pytest.fixture
def in_workspace(shared: Yard, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(shared.state.root.parent))
    return shared


def write_workspace(root: Path, tokens: dict[str, str]) -> None:
    folder = root / ".autarch" / "tokens"
    folder.mkdir(parents=True)
    for role in ("human", "ci", "agent", "deployer"):
        (folder / role).touch(mode=0o600)
        (folder / role).write_text(tokens[role])
    config = Config(schema=1, forge=ForgeSection(repository=LOCAL_REPOSITORY, folder="forge"))
    (root / ".autarch" / "config.toml").write_bytes(render_config(config))


def test_a_proposal_is_listed_shown_waited_for_and_merged(
    in_workspace: Yard, capsys: pytest.CaptureFixture[str]
) -> None:
    head = in_workspace.strategy("told")
    number = in_workspace.propose(head, branch="agent/tuner/told-1", title="Told").number
    in_workspace.client("ci").set_report(number, "the report\x1b[2J")

    assert main(["pr", "ls"]) == 0
    assert "Told" in capsys.readouterr().out
    assert main(["pr", "show", str(number)]) == 0
    shown = capsys.readouterr().out
    assert main(["pr", "merge", str(number)]) == 1
    refused = capsys.readouterr().err
    in_workspace.client("ci").set_status(head, context="autarch/gate", state="failure")
    assert main(["pr", "wait", str(number), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "rejected"
    in_workspace.client("ci").set_status(head, context="autarch/gate", state="success")
    assert main(["pr", "wait", str(number)]) == 0
    in_workspace.approve_checks(head, slug="told")
    assert main(["pr", "merge", str(number), "--sha", head]) == 0

    assert "required-checks" in shown
    assert "opened by" in shown
    assert "\x1b" not in shown
    assert "required-checks" in refused
    assert in_workspace.client("human").pull(number).merged


def test_no_verdict_in_time_is_undecided(in_workspace: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    number = in_workspace.propose(in_workspace.strategy("slow"), branch="agent/tuner/slow-1").number

    assert main(["pr", "wait", str(number), "--timeout", "0"]) == 3
    assert "no verdict" in capsys.readouterr().err
    assert main(["pr", "close", str(number)]) == 0
    assert main(["pr", "wait", str(number)]) == 3


def test_every_answer_has_a_form_for_machines(in_workspace: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    number = in_workspace.propose(in_workspace.strategy("machine"), branch="agent/tuner/machine-1").number

    main(["pr", "ls", "--state", "all", "--json"])
    listed = json.loads(capsys.readouterr().out)
    main(["pr", "show", str(number), "--json"])
    shown = json.loads(capsys.readouterr().out)
    main(["pr", "close", str(number), "--json", "--role", "agent"])
    closed = json.loads(capsys.readouterr().out)

    assert number in [pull["number"] for pull in listed]
    assert next(file["path"] for file in shown["files"]) == "strategies/machine/manifest.toml"
    assert closed["state"] == "closed"
    assert main(["pr", "show", "999"]) == 1
    assert main(["pr", "ls", "--role", "emperor"]) == 2


def test_serve_tells_its_url_answers_and_ends_cleanly_on_sigterm(tmp_path: Path, project) -> None:
    state, tokens = make_state(tmp_path, project)
    command = [sys.executable, "-m", "autarch", "forge", "serve", "--no-ci", "--state", str(state.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        told = state.url_file.read_text().strip()
        answered = user(url, tokens["human"])
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()

    assert url == told
    assert url.startswith("http://127.0.0.1:")
    assert answered == "human"
    assert process.returncode == 0, errors
    assert not state.url_file.exists()


def user(url: str, token: str) -> str:
    from autarch.forge.client import ForgeClient

    with ForgeClient(url, LOCAL_REPOSITORY, token) as client:
        return client.user().login


def test_a_folder_without_a_forge_is_a_wrong_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forge", "serve", "--no-ci", "--state", str(tmp_path)]) == 2
    assert "autarch init" in capsys.readouterr().err


def test_a_terminal_obeys_nothing_that_others_wrote() -> None:
    assert plain("a\x1b[31mb\rc\u202ed\x07\n\te") == "a\ufffd[31mb\ufffdc\ufffdd\ufffd\n\te"


def test_a_reports_escapes_are_for_renderers_and_not_for_terminals() -> None:
    assert unescaped("0\\.05 \\<= synthetic\\@x, a\\b") == "0.05 <= synthetic@x, a\\b"
    assert plain("synthetic@\u200bx") == "synthetic@x"


def test_a_forge_is_private_and_made_once(tmp_path: Path, project) -> None:
    from autarch.errors import ConfigError, UsageError
    from autarch.forge.create import create_forge

    state, _ = make_state(tmp_path, project)

    assert isinstance(state, ForgeState)
    assert state.root.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigError, match="holds a forge already"):
        create_forge(state.root, main_from=project.path)
    for path in ("/etc/policy.toml", "../policy.toml", "ci//policy.toml", ""):
        with pytest.raises(UsageError, match="path inside the project"):
            create_forge(tmp_path / "other", main_from=project.path, policy_path=path)
