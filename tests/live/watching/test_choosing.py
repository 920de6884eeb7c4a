"""`live switch`, `live rollback`, `live watch --once` and the loop: what is next, with and without a forge."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import threading

import pytest

from autarch.cli.main import main
from autarch.errors import ConfigError, RefusedError
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.host import Host
from live.trust import fingerprint_of
from live.watching.choice import Choices, chosen
from live.watching.choosing import roll_back, switch_to
from live.watching.looping import keep_looking
from live.watching.watcher import Look

ENGINE = "e" * 64  # what made the released project's evidence
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def released(base_yard, tmp_path_factory):
    """Three releases, all verified on one host; tests read it or copy the host."""
    yard = base_yard.copy(tmp_path_factory.mktemp("yard"))
    for number, tag in enumerate(("v0.2.0", "v0.3.0"), 2):
        yard.release(tag, trials=number)
    for tag in ("v0.1.0", "v0.2.0", "v0.3.0"):
        yard.deployer().verify(tag)
    return yard


@pytest.fixture
def host(released, tmp_path):
    shutil.copytree(released.host.root, tmp_path / "host")
    host = Host(root=tmp_path / "host")
    for tag in ("v0.1.0", "v0.2.0", "v0.3.0"):
        Choices(host).change(lambda before, tag=tag: chosen(before, tag, "a" * 40, by="watch"))
    return host


def test_a_rollback_goes_to_the_newest_before_that_stands(host):
    choice, installed = roll_back(host, engine=ENGINE)
    assert (choice.tag, choice.by, choice.passed_over, installed.tag) == ("v0.2.0", "operator", "v0.3.0", "v0.2.0")

    host.save_trust(host.trust().without("v0.1.0"))
    with pytest.raises(RefusedError, match=r"nothing to roll back to: .*v0\.1\.0 is revoked"):
        roll_back(host, engine=ENGINE)


def test_a_rollback_passes_by_what_is_revoked_or_damaged(host):
    host.save_trust(host.trust().without("v0.2.0"))

    assert roll_back(host, engine=ENGINE)[0].tag == "v0.1.0"


def test_a_rollback_to_what_another_engine_verified_is_refused_with_the_cure(host):
    with pytest.raises(RefusedError, match=r"`autarch live switch v0\.2\.0` verifies it again"):
        roll_back(host, engine="f" * 64)


def test_a_host_that_traded_nothing_has_nothing_to_roll_back_to(tmp_path):
    with pytest.raises(RefusedError, match="no release was traded here before"):
        roll_back(Host(root=tmp_path), engine=ENGINE)


def test_a_switch_to_an_older_release_passes_over_all_that_are_known(host, released):
    installed = released.deployer().verify("v0.1.0")

    choice = switch_to(host, installed, ("v0.1.0", "v0.2.0", "v0.3.0", "v0.2.9"))

    assert (choice.tag, choice.passed_over, choice.history) == ("v0.1.0", "v0.3.0", ())


@pytest.fixture
def workspace(released, tmp_path, monkeypatch):
    """A clone with all tags, whose forge is down."""
    root = tmp_path / "clone"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    command = ["git", "clone", "--quiet", "--mirror", str(released.root / "repo.git"), str(root / ".git")]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    (root / CONFIG_NAME).parent.mkdir(mode=0o700)
    (root / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(root))
    monkeypatch.setattr("autarch.numerics.ensure_pinned", lambda _argv: None)
    monkeypatch.setattr("autarch.repo.engine.engine_digest", lambda: ENGINE)
    monkeypatch.setattr("live.rederive.rederive_all", lambda *_, **__: None)
    for split in ("train", "forward"):
        monkeypatch.setenv(f"AUTARCH_DATA_{split.upper()}", str(released.root / "data" / split))
    Host(root=root / ".autarch/host").save_trust(dataclasses.replace(released.host.trust(), ledger_floor=None))
    return root


@pytest.mark.usefixtures("workspace")
def test_watching_switching_and_rolling_back_work_without_the_forge(capsys):
    assert main(["live", "watch", "--once", "--json"]) == 3
    look = json.loads(capsys.readouterr().out)
    assert (look["next"], look["taken"], look["refused"]) == ("v0.3.0", "v0.3.0", [])
    assert look["unreachable"]

    assert main(["live", "switch", "v0.1.0"]) == 0
    assert capsys.readouterr().out == (
        "next      v0.1.0; executors take it at their next bar\n"
        "held      `autarch live watch` takes only releases newer than v0.3.0\n"
    )
    assert main(["live", "watch", "--once"]) == 3
    assert capsys.readouterr().out == "next      v0.1.0\n"

    assert main(["live", "rollback", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"next": "v0.3.0", "passed_over": "", "history": []}
    assert main(["live", "rollback"]) == 1
    assert main(["live", "switch", "v9.9.9"]) == 1
    assert main(["live", "switch", "main"]) == 1
    assert main(["live", "switch"]) == 2


class Stumbling:
    """A watcher whose first look fails; the third ends the loop."""

    def __init__(self, ended):
        self.ended, self.looks, self.told = ended, 0, []
        self.alerts = self

    def tell(self, severity, subject, text):
        self.told.append((severity, subject, text))

    def look(self):
        self.looks += 1
        if self.looks == 1:
            raise ConfigError("the disk is full")
        if self.looks == 3:
            self.ended.set()
        return Look(choice=None)


def test_a_look_that_fails_is_told_and_the_next_one_comes():
    ended, seen = threading.Event(), []
    watcher = Stumbling(ended)

    keep_looking(watcher, ended, every_s=0.0, told=seen.append)

    assert watcher.told == [("critical", "watch", "this look failed, the next one comes: the disk is full")]
    assert (watcher.looks, len(seen)) == (3, 1)


def test_what_happens_to_a_revoked_release_is_chosen_and_a_demos_key_is_marked(workspace, released, tmp_path, capsys):
    assert main(["live", "trust", "when-revoked", "flatten"]) == 0
    assert Host(root=workspace / ".autarch/host").trust().when_revoked == "flatten"
    assert main(["live", "trust", "when-revoked", "pray"]) == 2
    assert "choose reduce or flatten" in capsys.readouterr().err

    public = released.keys["stranger"].with_suffix(".pub").read_text().split()[:2]
    (tmp_path / "demo.pub").write_text(f"{' '.join(public)} autarch-demo\n")
    print_ = fingerprint_of(" ".join(public))
    assert main(["live", "trust", "add", str(tmp_path / "demo.pub"), "--fingerprint", print_]) == 0
    said = capsys.readouterr()
    assert "a demo made this key" in said.err
    assert f"{print_}  demo: paper and simulator only" in said.out
