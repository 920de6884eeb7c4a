"""Each secret of this host is planted, and a hostile program that knows where it lies gets none."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agents.confining import cage
from agents.ports import NoProposalError
from autarch.errors import SandboxError

from .yard import a_brief, a_household

pytestmark = pytest.mark.skipif(cage.lacking() is not None, reason=str(cage.lacking()))
CANARY = "CANARY-9d31"
RECIPE = """
schema = 1
[recipes.hostile]
program = "{{python}}"
arguments = ["{script}", {told}]
output = "claude"
vendor = "anthropic"
model = "scripted-claude"
key = ""
key_in = "ANTHROPIC_API_KEY"
upstream = ""
"""


@pytest.fixture(scope="module")
def loot(tmp_path_factory):
    """Run the hostile program once; return what it printed, by line."""
    folder = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        for name in ("GITHUB_TOKEN", "AUTARCH_DATA_HOLDOUT", "BYBIT_API_SECRET"):
            patch.setenv(name, f"{CANARY}-{name}")
        patch.setenv("SSH_AUTH_SOCK", str(folder / "agent.sock"))
        patch.setenv("HOME", str(folder / "home"))
        yield run_hostile(folder)


def planted(folder: Path) -> dict[str, str]:
    places = {
        "token": ".autarch/tokens/human",
        "ci key": ".autarch/keys/ci",
        "release key": ".autarch/keys/release",
        "journal": ".autarch/host/journal.jsonl",
        "forge": ".autarch/forge/state.json",
        "holdout": "holdout/BTCUSDT.parquet",
        "train": "train/BTCUSDT.parquet",
        "transcript": ".autarch/transcripts/one.jsonl",
        "ssh key": "home/.ssh/id_ed25519",
        "git credentials": "home/.git-credentials",
        "other repository": "elsewhere/secret.py",
    }
    for place in places.values():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"{CANARY} {place}")
    (folder / "home" / ".gitconfig").write_text("[credential]\nhelper = store\n")
    found = {name: str(folder / place) for name, place in places.items()}
    return {**found, "spending": str(folder / "agents" / "spending.sqlite"), "passwd": "/etc/shadow"}


def run_hostile(folder: Path) -> list[str]:
    files = planted(folder)
    with closing(socket.socket(socket.AF_UNIX)) as agent, closing(socket.socket(socket.AF_UNIX)) as abstract:
        agent.bind(str(folder / "agent.sock"))
        abstract.bind("\0autarch-hostile-test")
        for one in (agent, abstract):
            one.listen()
        with closing(socket.create_server(("127.0.0.1", 0))) as host:
            threading.Thread(target=greet, args=(host,), daemon=True).start()
            told = {
                "files": files,
                "agent": str(folder / "agent.sock"),
                "abstract": "autarch-hostile-test",
                "port": host.getsockname()[1],
                "pid": os.getpid(),
                "slug": "new_trend",
                "writes": {
                    "tool": "tool.py",
                    "main's strategy": "strategies/ema_trend/strategy.py",
                    "beside": "strategies/more.py",
                    "token": files["token"],
                    "instructions": "AGENTS.md",
                    "hook": ".claude/settings.json",
                },
            }
            recipe = RECIPE.format(script=folder / "hostile.py", told=json.dumps(json.dumps(told)))
            (folder / ".autarch/agents").mkdir(parents=True)
            program = folder / "bin" / "hostile.py"
            program.parent.mkdir()
            program.write_bytes((Path(__file__).parent / "hostile.py").read_bytes())
            opened = recipe.replace(str(folder / "hostile.py"), str(program)) + f'reads = ["{program.parent}"]\n'
            (folder / ".autarch/agents/recipes.toml").write_text(opened)
            with neighbour(), a_household(folder) as house:
                with pytest.raises(NoProposalError):
                    house.proposer("command:hostile").propose(a_brief(house))
                outcome = house.answers.recall(find_outcome(house))
    return base64.b64decode(json.loads(outcome)["transcript"]).decode().splitlines()


@contextmanager
def neighbour():
    """Another process of the same user, with a secret in its environment."""
    running = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"X": CANARY})
    try:
        yield
    finally:
        running.communicate(b"\n")


def find_outcome(house) -> str:
    with closing(sqlite3.connect(house.purse.path)) as db:
        return db.execute("SELECT name FROM kept WHERE name LIKE 'outcome %'").fetchone()[0]


def greet(host: socket.socket) -> None:
    try:
        while True:
            one, _ = host.accept()
            one.sendall(CANARY.encode())
            one.close()
    except OSError:
        return


def test_the_hostile_program_ran_to_its_end(loot):
    assert loot[0].startswith("ENV ")
    assert any(line.startswith("REFUSED link") for line in loot)


def test_no_planted_secret_is_in_anything_it_got(loot):
    assert CANARY not in "\n".join(loot)


def test_its_environment_names_no_secret_and_none_of_our_places(loot):
    environment = json.loads(loot[0].removeprefix("ENV "))

    assert not {name for name in environment if re.search("SSH|GITHUB|BYBIT|HOLDOUT|AUTARCH", name)}
    assert environment["ANTHROPIC_API_KEY"].startswith("run-")  # a word for this run alone


@pytest.mark.parametrize(
    "name",
    [
        *(f"read {what}" for what in ("token", "ci key", "release key", "journal", "forge", "holdout", "train")),
        *(f"read {what}" for what in ("transcript", "ssh key", "git credentials", "other repository", "spending")),
        *("read passwd", "list token", "list holdout", "list forge"),
        *("agent socket", "abstract socket", "host tcp", "host udp", "raw", "multipath", "git credential", "signal"),
        *("write tool", "write main's strategy", "write beside", "write token", "write instructions", "write hook"),
        *("rename", "link"),
    ],
)
def test_it_is_refused(loot, name):
    assert any(line.startswith(f"REFUSED {name} ") for line in loot), [line for line in loot if name in line]


def test_where_nothing_confines_it_is_refused_by_name_and_never_run(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.confining.cage.lacking", lambda: "it takes Linux, this is a test")

    with a_household(tmp_path) as house, pytest.raises(SandboxError) as caught:
        house.proposer("command:scripted-cli").propose(a_brief(house))

    assert "--unconfined" in str(caught.value)
    assert not house.purse.attempts()


def test_the_same_program_unconfined_does_get_them(tmp_path):
    """The test's own teeth: without the cage the planted file is read."""
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    program = tmp_path / "thief.py"
    program.write_text(f"print(open({str(secret)!r}).read())")

    def errand(_port):
        return cage.Errand(
            command=(sys.executable, str(program)),
            environment={},
            cwd=tmp_path,
            reads=(str(program), sys.prefix, sys.base_prefix),
            writes=(),
            seconds=20.0,
        )

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    free = cage.run(errand, lambda listener: listener.close(), unconfined=True, folder=tmp_path / "a")
    caged = cage.run(errand, lambda listener: listener.close(), unconfined=False, folder=tmp_path / "b")

    assert CANARY.encode() in free.output
    assert free.confinement == "unconfined"
    assert caged.code != 0
    assert CANARY.encode() not in caged.output
