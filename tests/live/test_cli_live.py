"""`autarch live trust`, `live status` and `why` from the command line, on a constructed workspace."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import subprocess

import pytest

from autarch.cli.main import main
from autarch.evidence.ledger import LEDGER_REF
from autarch.repo import signing
from autarch.repo.git import GitRepo, Remote
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.journal import Journal

from .journal_yard import BAR, EXEC, LINK, OPEN, drafts
from .release_yard import ENGINE


@pytest.fixture(scope="module")
def yard(base_yard, tmp_path_factory):
    return base_yard.copy(tmp_path_factory.mktemp("yard"))


@pytest.fixture
def workspace(yard, tmp_path, monkeypatch):
    command = ["git", "clone", "--quiet", str(yard.root / "repo.git"), str(tmp_path / "clone")]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    root = tmp_path / "clone"
    (root / CONFIG_NAME).parent.mkdir(mode=0o700)
    (root / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(root))
    return root


def key_of(yard):
    path = yard.keys["release"].with_suffix(".pub")
    return str(path), signing.fingerprint(path.read_text())


@pytest.mark.usefixtures("workspace")
def test_a_typed_fingerprint_trusts_a_key_and_pins_what_main_holds(yard, capsys):
    path, fingerprint = key_of(yard)

    assert main(["live", "trust", "add", path, "--fingerprint", fingerprint, "--demo"]) == 0
    capsys.readouterr()
    assert main(["live", "trust", "show", "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert shown["signers"][0]["demo"] is True
    assert [policy["paper_only"] for policy in shown["policies"]] == [False, True]
    assert shown["datasets"][0].startswith("tiny@")


def test_a_wrong_fingerprint_and_no_terminal_trust_nothing(yard, workspace, capsys, monkeypatch):
    path, fingerprint = key_of(yard)

    assert main(["live", "trust", "add", path, "--fingerprint", "SHA256:guess"]) == 1
    assert fingerprint not in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(fingerprint))  # typed by a program, not on a terminal
    assert main(["live", "trust", "add", path]) == 2
    assert main(["live", "trust", "add", path, "--role", "boss", "--fingerprint", fingerprint]) == 2
    assert main(["live", "trust", "add", str(yard.root / "absent.pub"), "--fingerprint", fingerprint]) == 2
    assert not (workspace / ".autarch/host/trust.toml").exists()


@pytest.mark.usefixtures("workspace")
def test_revoked_data_and_policies_can_be_named(yard, capsys):
    path, fingerprint = key_of(yard)
    main(["live", "trust", "add", path, "--fingerprint", fingerprint])

    assert main(["live", "trust", "revoke", fingerprint]) == 0
    assert main(["live", "trust", "data", "more@" + "a" * 64]) == 0
    assert main(["live", "trust", "policy", "ci/policy.toml"]) == 0
    capsys.readouterr()

    assert main(["live", "trust", "add", path, "--fingerprint", fingerprint]) == 1
    assert "never comes back" in capsys.readouterr().err
    assert main(["live", "trust", "data", "more"]) == 2
    assert main(["live", "trust", "policy", "ci/absent.toml"]) == 2


def test_a_misspelt_revocation_is_refused_with_what_is_known(yard, workspace, capsys):
    path, fingerprint = key_of(yard)
    main(["live", "trust", "add", path, "--fingerprint", fingerprint])
    before = (workspace / ".autarch/host/trust.toml").read_bytes()
    capsys.readouterr()

    for slip in ("v0.1.O", fingerprint[:-1], fingerprint.lower(), "0" * 40):
        assert main(["live", "trust", "revoke", slip]) == 2
        assert f"known: {fingerprint}, v0.1.0" in capsys.readouterr().err
    assert (workspace / ".autarch/host/trust.toml").read_bytes() == before

    stranger = signing.fingerprint(yard.keys["stranger"].with_suffix(".pub").read_text())
    for name in ("v0.1.0", yard.facts["tag"], stranger):
        assert main(["live", "trust", "revoke", name]) == 0
    said = capsys.readouterr()
    assert f"{stranger} is no key that this host trusts" in said.err
    assert f"revoked  {yard.facts['tag']}" in said.out


@pytest.fixture
def verified(yard, workspace, monkeypatch, capsys):
    """A workspace whose release was verified, but for the derivation, which another engine's claims do not allow."""
    monkeypatch.setattr("autarch.numerics.ensure_pinned", lambda _argv: None)
    monkeypatch.setattr("autarch.repo.engine.engine_digest", lambda: ENGINE)
    monkeypatch.setattr("live.rederive.rederive_all", lambda *_, **__: None)
    for split in ("train", "forward"):
        monkeypatch.setenv(f"AUTARCH_DATA_{split.upper()}", str(yard.root / "data" / split))
    repo = GitRepo(workspace)
    refs = ("refs/autarch/evidence/*", LEDGER_REF)
    repo.fetch(Remote(url=str(yard.root / "repo.git")), [f"{ref}:{ref}" for ref in refs])
    path, fingerprint = key_of(yard)
    main(["live", "trust", "add", path, "--fingerprint", fingerprint])
    assert main(["live", "verify", "v0.1.0"]) == 0
    capsys.readouterr()
    return repo


def test_a_second_verification_says_what_it_could_not_read_again(verified, capsys):
    assert main(["live", "verify", "v0.1.0"]) == 0
    assert "not read again" not in capsys.readouterr().out
    for ref in (LEDGER_REF, *verified.refs("refs/autarch/evidence/")):
        verified.update_ref(ref, None, old=verified.read_ref(ref))

    assert main(["live", "verify", "v0.1.0"]) == 0
    said = capsys.readouterr().out
    assert "v0.1.0: verified earlier on this host; ledger, evidence not read again (forge unreachable)" in said
    assert main(["live", "verify", "v0.1.0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["not_read_again"] == ["ledger", "evidence"]


def test_a_cure_for_a_damaged_release_cures_it(verified, workspace, capsys):
    folder = workspace / ".autarch/host/releases/v0.1.0"
    (folder / "portfolio.toml").unlink()
    assert main(["live", "verify", "v0.1.0"]) == 1
    assert f"remove the folder {folder} and verify again: `autarch live verify v0.1.0`" in capsys.readouterr().err

    shutil.rmtree(folder)
    assert main(["live", "verify", "v0.1.0"]) == 0
    assert (folder / "portfolio.toml").is_file()
    assert verified.read_ref("refs/tags/v0.1.0")


def test_evidence_that_a_workspace_lacks_is_fetched_from_its_forge(yard, verified, workspace, capsys, monkeypatch):
    (ref, *_) = verified.refs("refs/autarch/evidence/")
    tree = verified.read_ref(ref)
    verified.update_ref(ref, None, old=tree)
    monkeypatch.chdir(workspace)
    evidence = ref.rpartition("/")[2]
    assert main(["verify", evidence, "--json"]) == 1
    assert f"{ref}:{ref}" in json.loads(capsys.readouterr().out)["error"]

    shutil.copytree(yard.root / "repo.git", workspace / ".autarch/forge/repo.git")
    main(["verify", evidence, "--json"])
    assert verified.read_ref(ref) == tree


@pytest.mark.usefixtures("workspace")
def test_without_a_journal_status_and_why_say_what_to_do(capsys):
    assert main(["live", "status"]) == 2
    assert main(["why", "BTCUSDT@2024-01-01"]) == 2

    said = capsys.readouterr().err
    assert said.count("autarch live run --tag TAG") == 2


@pytest.fixture
def journalled(yard, workspace):
    with Journal(workspace / ".autarch/host/journal/paper.sqlite3", account="paper") as journal:
        journal.append(drafts(yard))
    return workspace


@pytest.mark.usefixtures("journalled")
def test_why_tells_one_chain_or_lists_what_it_could_tell(capsys):
    assert main(["why", LINK]) == 0
    assert capsys.readouterr().out.startswith(f"fill  {EXEC}\n     what           bought 25 BTCUSDT at 100.05\n")

    assert main(["why", f"BTCUSDT@{OPEN}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 fills; ask for one: autarch why EXECID",
        f"{EXEC}  2023-11-15T00:15:00Z  paper: bought 25 BTCUSDT at 100.05",
        "exec-two  2023-11-15T00:29:59.999Z  paper: sold 25 BTCUSDT at 100.05",
    ]
    assert main(["why", f"BTCUSDT@{OPEN}", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [chain["steps"][0]["name"] for chain in told["chains"]] == [EXEC, "exec-two"]
    assert told["nearest"] == []


def test_why_tells_a_journal_that_contradicts_the_signed_release_and_exits_one(yard, workspace, capsys):
    opened, *rest = drafts(yard)
    lying = dataclasses.replace(opened, body={**opened.body, "engine": "a" * 64})
    with Journal(workspace / ".autarch/host/journal/paper.sqlite3", account="paper") as journal:
        journal.append([lying, *rest])

    assert main(["why", LINK]) == 1
    assert f"     CONTRADICTS: engine: journal says {'a' * 64}, tag says {'e' * 64}\n" in capsys.readouterr().out
    assert main(["why", LINK, "--json"]) == 1
    (chain,) = json.loads(capsys.readouterr().out)["chains"]
    assert [len(step["contradicts"]) for step in chain["steps"] if step["what"] == "release"] == [1]


@pytest.mark.parametrize("verb", [["why", LINK], ["live", "status"]])
def test_a_damaged_journal_is_misuse_and_its_path_is_named(journalled, capsys, verb):
    path = journalled / ".autarch/host/journal/paper.sqlite3"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    assert main(verb) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.usefixtures("journalled")
@pytest.mark.parametrize("question", ["BTCUSDT@\N{SUPERSCRIPT TWO}", "\udcff\udcfe", "BTCUSDT@\udcff"])
def test_a_question_in_odd_characters_is_misuse(capsys, question):
    assert main(["why", question]) == 2
    capsys.readouterr().err.encode()


@pytest.mark.usefixtures("journalled")
def test_why_of_nothing_is_exit_one_with_the_nearest_fills_and_of_no_form_exit_two(capsys):
    assert main(["why", f"BTCUSDT@{BAR}"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("; nearest fills:")
    assert [line.split()[0] for line in said[1:]] == [EXEC, "exec-two", "exec-three"]
    assert main(["why", "at-unknown", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["nearest"]) == 3

    assert main(["why", "what was that?"]) == 2
    assert "symbol@time, such as" in capsys.readouterr().err
    assert main(["why", LINK, "--account", "absent"]) == 2


@pytest.mark.usefixtures("journalled")
def test_status_refreshes_until_ctrl_c(capsys, monkeypatch):
    looks = iter([None, None])

    def sleep(_seconds):
        if next(looks, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)

    assert main(["live", "status", "--watch", "1"]) == 0
    assert "account   paper  ACTIVE" in capsys.readouterr().out


def test_status_of_several_accounts_is_one_object(journalled, capsys):
    with Journal(journalled / ".autarch/host/journal/second.sqlite3", account="second"):
        pass

    assert main(["live", "status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["account"] for one in found["accounts"]] == ["paper", "second"]
    assert main(["live", "status", "--account", "paper", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["positions"] == {"BTCUSDT": "25"}
