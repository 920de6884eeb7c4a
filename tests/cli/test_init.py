"""`autarch init` and `autarch ledger` on a small clone of a project."""

from __future__ import annotations

import json
import re
import stat
import subprocess

import pytest

from autarch.cli import init as verb
from autarch.cli.init import Options, initialise
from autarch.cli.main import main
from autarch.errors import ConfigError, UsageError
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.forge.state import TokenBook
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import SIGNERS_PATH, trust_at
from autarch.repo.signing import public_key
from autarch.workspace import Workspace

NOW_S = 1_700_000_000


def git(folder, *arguments):
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path, root):
    """A work tree on main with what `init` looks for."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    repo = GitRepo(folder)
    policy = (root / "ci" / "policy.toml").read_bytes()
    policy = policy.replace(b'datasets = ["synthetic"]', b'datasets = ["mine"]')
    files = {"autarch/__init__.py": b"", "ci/policy.toml": policy, ".gitignore": b".autarch/\n", "README.md": b"x\n"}
    files |= {f"ci/presets/{name}.toml": (root / f"ci/presets/{name}.toml").read_bytes() for name in PRESETS}
    somebody = Person(name="Somebody", email="somebody@example.invalid", when_s=1)
    commit = repo.commit_tree(repo.with_files(None, files), parents=[], message="Begin\n", author=somebody)
    git(folder, "reset", "--quiet", "--hard", commit)
    return folder


PRESETS = ("research", "standard", "strict")


def status(folder):
    done = subprocess.run(["git", "status", "--porcelain"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_a_clone_becomes_a_workspace_with_a_forge_at_the_same_main(clone):
    made = initialise(clone / "ci", Options(), now_s=NOW_S)

    workspace, repo = Workspace.find(clone), GitRepo(clone)
    bare = GitRepo(workspace.forge_folder / "repo.git")
    assert repo.rev_parse("HEAD") == bare.read_ref("refs/heads/main") == made.main
    assert repo.read_commit(made.main).subject == "Set up workspace"
    assert [entry.path for entry in repo.diff_tree(f"{made.main}^", made.main)] == sorted(SIGNERS_PATH.values())
    assert (clone / SIGNERS_PATH["ci"]).read_bytes() == trust_at(repo, made.main, "ci").signers
    assert status(clone) == ""
    assert Ledger(bare, trust=trust_at(bare, made.main, "ci")).entries() == ()


def test_secrets_are_private_and_the_forge_knows_each_token(clone):
    initialise(clone, Options(), now_s=NOW_S)
    workspace = Workspace.find(clone)

    book = TokenBook(workspace.forge_folder / "tokens.json")
    for role in ("human", "ci", "agent", "deployer"):
        assert book.account(workspace.token(role)).role == role
        assert workspace.token(role) not in (workspace.forge_folder / "tokens.json").read_text()
    for name in ("keys", "tokens", "forge", "."):
        assert stat.S_IMODE((clone / ".autarch" / name).stat().st_mode) == 0o700
    assert stat.S_IMODE(workspace.key("release").stat().st_mode) == 0o600


def test_a_demos_keys_say_so(clone):
    initialise(clone, Options(demo=True), now_s=NOW_S)

    assert public_key(Workspace.find(clone).key("release")).endswith(" autarch-demo")
    assert b"autarch-demo" in (clone / SIGNERS_PATH["release"]).read_bytes()


def test_a_data_set_lock_is_committed_under_its_own_name(clone, root, tmp_path):
    lock = (root / "ci" / "datasets" / "synthetic.toml").read_bytes()
    (tmp_path / "other.toml").write_bytes(lock)

    made = initialise(clone, Options(dataset_locks=(tmp_path / "other.toml",)), now_s=NOW_S)

    assert GitRepo(clone).blob_at(made.main, "ci/datasets/synthetic.toml") == lock


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_becomes_the_policy_and_keeps_the_data_sets(clone, root, name):
    made = initialise(clone, Options(preset=name), now_s=NOW_S)

    preset = (root / f"ci/presets/{name}.toml").read_bytes()
    assert b'datasets = ["synthetic"]' in preset
    expected = preset.replace(b'datasets = ["synthetic"]', b'datasets = ["mine"]')
    assert GitRepo(clone).blob_at(made.main, "ci/policy.toml") == expected == (clone / "ci/policy.toml").read_bytes()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(preset="lax"), "there is no preset 'lax'; main holds research, standard, strict"),
        (Options(preset="../policy"), "there is no preset"),
        (Options(preset="strict", policy_path="README.md"), "choose one of them"),
    ],
)
def test_a_preset_that_is_none_makes_nothing(clone, options, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        initialise(clone, options, now_s=NOW_S)
    assert not (clone / ".autarch").exists()


def test_a_workspace_is_not_made_twice(clone):
    made = initialise(clone, Options(), now_s=NOW_S)

    with pytest.raises(ConfigError, match="a workspace already"):
        initialise(clone, Options(), now_s=NOW_S)
    assert GitRepo(clone).rev_parse("main") == made.main


def test_an_init_that_was_interrupted_anywhere_is_begun_again(clone, monkeypatch, capsys):
    for step in ("_make_keys", "_set_up", "_make_tokens", "begin_ledger", "render"):
        with monkeypatch.context() as patch:
            if step == "render":
                patch.setattr(verb, "_print_of", lambda *_: None)
                patch.setattr(verb, "_write_private", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            else:
                real = getattr(verb, step)
                patch.setattr(verb, step, lambda *a, real=real, **k: (real(*a, **k), _stop())[0])
            with pytest.raises(KeyboardInterrupt):
                initialise(clone, Options(), now_s=NOW_S)
        with pytest.raises(ConfigError, match="autarch init"):
            Workspace.find(clone)

    made = initialise(clone, Options(), now_s=NOW_S)

    assert "left by an init that did not finish" in capsys.readouterr().err
    assert GitRepo(clone).rev_parse("main") == made.main
    assert status(clone) == ""


def _stop():
    raise KeyboardInterrupt


def test_what_cannot_be_a_workspace_is_left_untouched(clone, tmp_path):
    with pytest.raises(UsageError, match="is in no clone"):
        initialise(tmp_path, Options(), now_s=NOW_S)
    with pytest.raises(UsageError, match="name a policy that main holds"):
        initialise(clone, Options(policy_path="ci/none.toml"), now_s=NOW_S)
    with pytest.raises(UsageError, match="does not exist"):
        initialise(clone, Options(dataset_locks=(tmp_path / "none.toml",)), now_s=NOW_S)
    (clone / "README.md").write_text("changed\n")
    with pytest.raises(UsageError, match="uncommitted changes"):
        initialise(clone, Options(), now_s=NOW_S)
    git(clone, "checkout", "--quiet", "README.md")
    git(clone, "switch", "--quiet", "-c", "topic")
    with pytest.raises(UsageError, match=r"on topic; .* git switch -C main"):
        initialise(clone, Options(), now_s=NOW_S)
    git(clone, "switch", "--quiet", "main")
    assert not (clone / ".autarch").exists()
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    with pytest.raises(UsageError, match="no clone of this project"):
        initialise(other, Options(), now_s=NOW_S)


@pytest.fixture
def workspace(clone, monkeypatch):
    initialise(clone, Options(), now_s=NOW_S)
    monkeypatch.chdir(clone)
    return Workspace.find()


def append(workspace, **fields):
    bare = GitRepo(workspace.forge_folder / "repo.git")
    ledger = Ledger(bare, trust=trust_at(bare, bare.rev_parse("main"), "ci"))
    known = {"head": "a" * 40, "base": "b" * 40, "slug": "abc", "pr": 3, "kind": "reservation"}
    return ledger.append(
        LedgerEntry(schema=1, seq=0, prev=None, recorded_ms=1_700_000_000_000, **(known | fields)),
        key=workspace.key("ci"),
    )


def test_the_ledger_is_listed_shown_and_verified(workspace, capsys):
    reserved = append(workspace)
    append(workspace, kind="result", verdict="rejected", reservation=reserved.digest)

    assert main(["ledger", "ls"]) == 0
    out = capsys.readouterr().out
    assert "2023-11-14 22:13:20  reservation  PR 3     abc" in out
    assert "2 entries, 1 trials" in out
    assert main(["ledger", "ls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 1
    assert main(["ledger", "show", "2"]) == 0
    assert "verdict      rejected" in capsys.readouterr().out
    assert main(["ledger", "show", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == reserved.digest
    assert main(["ledger", "verify"]) == 0
    assert "verified: 2 entries" in capsys.readouterr().out
    assert main(["ledger", "show", "3"]) == 2


def test_a_rewritten_ledger_is_refused_by_a_clone_that_knew_better(workspace, capsys):
    first = append(workspace)
    assert main(["ledger", "verify", "--json"]) == 0
    bare = GitRepo(workspace.forge_folder / "repo.git")
    bare.update_ref("refs/heads/autarch/ledger", bare.read_commit(first.commit).parents[0], old=first.commit)
    append(workspace, slug="other")

    assert main(["ledger", "verify"]) == 1
    assert "the ledger was rewritten" in capsys.readouterr().err


def test_a_ledger_older_than_what_main_records_is_refused(workspace, capsys):
    first = append(workspace)
    bare = GitRepo(workspace.forge_folder / "repo.git")
    main_tip = bare.rev_parse("main")
    message = f"Merge\n\nLedger-Head: {first.commit}\n"
    author = Person(name="Forge", email="forge@example.invalid", when_s=1)
    merge = bare.commit_tree(bare.tree_of(main_tip), parents=[main_tip], message=message, author=author)
    bare.update_ref("refs/heads/main", merge, old=main_tip)
    bare.update_ref("refs/heads/autarch/ledger", bare.read_commit(first.commit).parents[0], old=first.commit)

    for arguments in (["ls"], ["show", "1"], ["verify"]):
        assert main(["ledger", *arguments]) == 1
        assert "the ledger was rewritten" in capsys.readouterr().err


def test_a_folder_that_is_no_workspace_has_no_ledger(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["ledger", "ls"]) == 2
    assert "autarch init" in capsys.readouterr().err
