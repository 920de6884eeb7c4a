"""Main's code as a tree on disk, the engine digest, and the environment it needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from autarch.errors import ConfigError, UndecidedError
from autarch.repo import engine, trusted
from autarch.repo.engine import engine_digest, engine_digest_at, is_judging, read_lock
from autarch.repo.environment import environment_problems, locked_versions
from autarch.repo.git import GitError
from autarch.repo.objects import FOLDER, SYMLINK, TreeEntry
from autarch.repo.trusted import FIXED_MTIME_S, ensure_trusted, hash_tree, write_tree_from

FILES = {
    "autarch/__init__.py": b"",
    "autarch/__main__.py": b"import sys, pathlib\nprint(pathlib.Path(__file__).parent, *sys.argv[1:])\nsys.exit(3)\n",
    "autarch/cli/app.py": b"x = 1\n",
    "autarch/engine/kernel.py": b"x = 1\n",
    "ci/gate.py": b"x = 1\n",
    "ci/policy.toml": b"x = 1\n",
    "requirements.lock": b"rfc8785==0.1.4 \\\n    --hash=sha256:00\n",
    "strategies/abc/strategy.py": b"x = 1\n",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def head(commit):
    return commit(FILES)


def test_a_tree_is_written_byte_for_byte_compiled_and_dated_alike(repo, head):
    root = write_tree_from(repo, head)

    found = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.parent.name != "__pycache__"}
    assert found == {path for path in FILES if not path.startswith("strategies/")}
    assert all((root / path).read_bytes() == FILES[path] for path in found)
    assert {int((root / path).stat().st_mtime) for path in found} == {FIXED_MTIME_S}
    assert list((root / "autarch" / "__pycache__").glob("__init__.*.pyc"))
    assert hash_tree(root) == root.name


def test_merging_a_strategy_leaves_the_codes_path_and_merging_code_does_not(repo, commit, head):
    root = write_tree_from(repo, head)

    assert write_tree_from(repo, commit({"strategies/abc/strategy.py": b"x = 2\n"}, head)) == root
    assert write_tree_from(repo, commit({"ci/policy.toml": b"x = 2\n"}, head)) != root


def test_who_may_sign_is_not_written_and_does_not_move_the_code(repo, commit, head):
    root = write_tree_from(repo, head)

    assert write_tree_from(repo, commit({"ci/signers/ci": b"somebody else\n"}, head)) == root
    assert not (root / "ci" / "signers").exists()
    assert write_tree_from(repo, commit({"ci/signers.py": b"x = 1\n"}, head)) != root


@pytest.mark.parametrize("damage", ["edit", "add", "remove", "mode", "link"])
def test_a_tree_that_was_tampered_with_is_written_again(repo, head, damage):
    root = write_tree_from(repo, head)
    file = root / "ci" / "gate.py"
    if damage == "edit":
        file.write_bytes(b"x = 2\n")
    elif damage == "add":
        (root / "ci" / "more.py").write_bytes(b"x = 2\n")
    elif damage == "remove":
        file.unlink()
    elif damage == "mode":
        file.chmod(0o755)
    else:
        file.unlink()
        file.symlink_to("/etc/passwd")

    again = write_tree_from(repo, head)

    assert again == root
    assert hash_tree(again) == root.name
    assert (again / "ci" / "gate.py").read_bytes() == b"x = 1\n"
    assert not [path for path in root.parent.iterdir() if path.name.startswith(".")]


def test_a_commit_that_holds_a_link_is_not_written(repo, head, somebody):
    link = TreeEntry(mode=SYMLINK, oid=repo.write_blob(b"/etc"), path="evil")
    inner = repo.write_tree([link])
    tree = repo.write_tree([TreeEntry(mode=FOLDER, oid=inner, path="autarch")])
    evil = repo.commit_tree(tree, parents=[head], message="x\n", author=somebody)

    with pytest.raises(GitError, match="only regular files"):
        write_tree_from(repo, evil)


def test_a_commit_that_names_its_way_out_is_not_written(repo, head, somebody):
    blob = repo.write_blob(b"x")
    content = b"100644 ..\0" + bytes.fromhex(blob)
    inner = repo.run("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=content).stdout.decode().strip()
    tree = repo.write_tree([TreeEntry(mode=FOLDER, oid=inner, path="ci")])
    evil = repo.commit_tree(tree, parents=[head], message="x\n", author=somebody)

    with pytest.raises(GitError, match="no folder of ours"):
        write_tree_from(repo, evil)


BECOME = """import os, sys
from autarch.errors import AutarchError
from autarch.repo import environment, trusted
from autarch.repo.git import GitRepo

real = environment._installed
environment._installed = lambda name: ("1.0", ["rfc8785"]) if name == "autarch" else real(name)
repo = GitRepo(sys.argv[1])
if len(sys.argv) > 3:
    os.environ[trusted._EXEC_GUARD] = f"{os.getpid()} {trusted.write_tree_from(repo, sys.argv[2])}"
try:
    trusted.ensure_trusted(repo, sys.argv[2], ["gate", "--json"])
except AutarchError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def become(repo, head, *more, cwd):
    """Run a process that asks to become the code of `head`, and return it when it has ended."""
    command = [sys.executable, "-c", BECOME, str(repo.path), head, *more]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_process_becomes_the_trusted_code_whatever_lies_in_its_way(repo, head, tmp_path, root):
    (tmp_path / "autarch").mkdir()
    (tmp_path / "autarch" / "__main__.py").write_text("print('evil')\n")
    (tmp_path / "autarch" / "__init__.py").write_text(f"__path__.append({str(root / 'autarch')!r})\n")

    done = become(repo, head, cwd=tmp_path)

    assert done.stdout.split() == [str(write_tree_from(repo, head) / "autarch"), "gate", "--json"], done.stderr
    assert done.returncode == 3


def test_a_process_that_became_something_else_says_so_instead_of_trying_for_ever(repo, head, tmp_path):
    done = become(repo, head, "again", cwd=tmp_path)

    assert done.returncode == 1
    assert "UndecidedError: re-executed to run the code in" in done.stderr


def test_a_process_that_runs_the_trusted_code_already_goes_on(repo, head, monkeypatch):
    root = write_tree_from(repo, head)
    monkeypatch.setattr(trusted, "running_root", lambda: root)

    assert ensure_trusted(repo, head, ["gate"]) is None


def test_trusted_code_does_not_run_in_another_environment_than_its_lock(repo, commit, head):
    other = commit({"requirements.lock": b"rfc8785==9.9.9 \\\n    --hash=sha256:00\n"}, head)

    with pytest.raises(UndecidedError, match="pip install --require-hashes"):
        ensure_trusted(repo, other, ["gate"])


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    """Pretend that autarch needs rfc8785 alone, so that a lock of one line describes it."""
    from autarch.repo import environment

    real = environment._installed

    def look_up(name):
        return ("1.0", ["rfc8785"]) if name == "autarch" else real(name)

    monkeypatch.setattr(environment, "_installed", look_up)


def test_a_judging_file_changes_the_engine_digest_and_another_does_not(repo, commit, head):
    before = engine_digest_at(repo, head)

    for path in ("autarch/engine/kernel.py", "ci/gate.py", "requirements.lock", "autarch/new.py"):
        assert engine_digest_at(repo, commit({path: b"rfc8785==0.1.5\n"}, head)) != before
    for path in ("autarch/cli/app.py", "autarch/forge/x.py", "ci/publish.py", "ci/report_html.py", "ci/policy.toml"):
        assert engine_digest_at(repo, commit({path: b"x = 2\n"}, head)) == before
    assert engine_digest_at(repo, commit({"strategies/abc/strategy.py": b"x = 2\n"}, head)) == before


def test_the_tree_on_disk_has_the_commits_engine_digest(repo, head):
    assert engine_digest(write_tree_from(repo, head)) == engine_digest_at(repo, head)


def test_moving_code_between_files_changes_the_engine_digest(repo, commit, head):
    moved = commit({"ci/gate.py": None, "ci/gates.py": b"x = 1\n"}, head)

    assert engine_digest_at(repo, moved) != engine_digest_at(repo, head)


def test_the_running_codes_digest_covers_what_judges(root):
    assert engine_digest() == engine_digest(root)
    assert not is_judging("autarch/desk/app.py")
    assert is_judging("autarch/engine/kernel.py")
    assert is_judging("ci/checks/risk.py")
    assert not is_judging("live/executor.py")
    assert not is_judging("tests/ci/gate.py")


def test_a_folder_without_a_lock_has_no_engine_digest(tmp_path, commit, repo, monkeypatch):
    with pytest.raises(ConfigError, match=r"has no requirements\.lock"):
        engine_digest_at(repo, commit({"autarch/a.py": b""}))
    monkeypatch.setattr(engine, "_distribution_files", tuple)
    with pytest.raises(ConfigError, match="reinstall"):
        read_lock(tmp_path)


LOCK = b"""# comment
alpha==1.0 ; python_version >= '3' \\
    --hash=sha256:00
    # via autarch
beta==2.0 ; sys_platform == 'plan9' \\
    --hash=sha256:00
Gamma_x==3.0
delta==4.0
"""


def installed(**changes):
    known = {
        "autarch": ("0.1", ["alpha[more]>=1", "beta; sys_platform == 'plan9'", "tool; extra == 'dev'"]),
        "alpha": ("1.0", ["gamma-x; extra == 'more'", "delta; extra == 'less'"]),
        "gamma-x": ("3.0", ["alpha"]),
    } | changes
    return known.get


def test_an_environment_that_is_the_lock_has_no_problems():
    assert environment_problems(LOCK, installed=installed()) == ()


def test_markers_of_other_platforms_and_hashes_are_left_out():
    assert locked_versions(LOCK) == {"alpha": "1.0", "gamma-x": "3.0", "delta": "4.0"}


def test_each_difference_is_named_with_the_install_command():
    wrong = environment_problems(LOCK, installed=installed(**{"gamma-x": ("3.1", [])}))
    missing = environment_problems(LOCK, installed=installed(**{"gamma-x": None}))
    unpinned = environment_problems(
        LOCK, installed=installed(**{"gamma-x": ("3.0", ["epsilon"]), "epsilon": ("1", [])})
    )

    assert wrong == (
        "gamma-x is 3.1, the lock says 3.0.",
        "Install with: pip install --require-hashes -r requirements.lock",
    )
    assert missing[0] == "gamma-x 3.0 is not installed."
    assert unpinned[0] == "epsilon is needed and requirements.lock does not pin it."
    assert environment_problems(LOCK, installed=installed(autarch=None))[0] == "autarch itself is not installed."


def test_agents_and_developers_tools_may_be_absent_or_another_version():
    assert environment_problems(LOCK, installed=installed(delta=("9", []))) == ()


def test_a_lock_that_pins_nothing_is_refused():
    assert "does not pin" in environment_problems(b"alpha>=1\n", installed=installed())[0]
    assert "no requirement" in environment_problems(b"???\n", installed=installed())[0]


def test_this_environment_is_its_lock(root, monkeypatch):
    monkeypatch.undo()

    assert environment_problems((root / "requirements.lock").read_bytes()) == ()
