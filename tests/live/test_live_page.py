"""docs/live.md as it stands: its commands, one after another, as real processes over real sockets."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from autarch.repo.engine import engine_digest
from autarch.repo.git import GitRepo
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.deployer import Deployer
from live.host import Host

from . import release_yard
from .going_live_yard import CODE, POLICY

pytestmark = pytest.mark.slow  # it waits for whole minutes

BLOCK = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
HALF = b"np.full(bars.close.shape, 0.5), stop"
EITHER = b"np.where(np.arange(bars.close.size) % 2, 0.5, 0.4), stop"  # an entry that was late comes again
ACCOUNT = 'name = "sim"\nvenue = "bybit"\nenvironment = "sim"\nurl = "http://127.0.0.1:{port}"'


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A clone with a release for the simulator, verified by this engine; the yard it came from; the port it names."""
    port, engine = free_port(), str(engine_digest())
    spec = release_yard.default_spec(n_bars=12_000)
    monkeypatch.setattr(release_yard, "default_spec", lambda n_bars: dataclasses.replace(spec, interval="1m"))  # noqa: ARG005
    monkeypatch.setattr(release_yard, "MANIFEST", release_yard.MANIFEST.replace('"15m"', '"1m"'))
    monkeypatch.setattr(release_yard, "CODE", CODE.replace(HALF, EITHER))
    monkeypatch.setattr(release_yard, "ENGINE", engine)
    monkeypatch.setattr(release_yard, "POLICY", POLICY)
    monkeypatch.setattr(release_yard, "WALKTHROUGH", POLICY.replace(b"walkthrough = false", b"walkthrough = true"))
    yard = release_yard.make_yard(tmp_path / "yard")
    named = 'name = "paper"\nvenue = "{venue}"\nenvironment = "mainnet"'
    yard.advance(
        yard.commit({"live/portfolio.toml": release_yard.PORTFOLIO.replace(named, ACCOUNT.format(port=port)).encode()})
    )
    claim = yard.claim(yard.main, base=yard.main, trials=2)
    yard.store(claim)
    released = yard.released("v0.2.0", claim=claim)
    sleeve = msgspec.structs.replace(released.strategies[0], account="sim")
    yard.sign(msgspec.structs.replace(released, strategies=[sleeve]))
    folder = tmp_path / "project"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    for words in (["clone", "--quiet", str(yard.root / "repo.git"), str(folder)],
                  ["-C", str(folder), "fetch", "--quiet", "origin", "+refs/*:refs/*", "--update-head-ok"]):  # fmt: skip
        subprocess.run(["git", *words], check=True, capture_output=True, env=environment)
    (folder / CONFIG_NAME).parent.mkdir(mode=0o700)
    (folder / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    host = Host(root=folder / ".autarch/host")
    host.save_trust(dataclasses.replace(yard.host.trust(), ledger_floor=None))
    Deployer(
        repo=GitRepo(folder / ".git"), host=host, stores=yard.stores, engine=engine, version="0.1.0",
        rederive=lambda _evidence, _signers: None,
    ).verify("v0.2.0")  # fmt: skip
    return folder, yard, port


def test_the_pages_commands_trade_and_stop_on_the_simulator(project, root, tmp_path):
    folder, yard, port = project
    page = (root / "docs/live.md").read_text("utf-8")
    script = "\n".join(["set -e", *BLOCK.findall(page)])
    script = script.replace("8765", str(port)).replace("--dataset synthetic", "--dataset tiny")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "autarch").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m autarch "$@"\n')
    (tools / "autarch").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "AUTARCH_WORKSPACE": str(folder),
        **{f"AUTARCH_DATA_{split.upper()}": str(yard.root / "data" / split) for split in ("train", "forward")},
    }

    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )

    logs = {path.name: path.read_text() for path in folder.glob("*.log")}
    assert done.returncode == 0, (done.stdout, done.stderr[-3000:], logs)
    assert "release" in done.stdout
    assert "HALTED" in done.stdout
    assert "v0.2.0" in done.stdout
