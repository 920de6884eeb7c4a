"""Files that were never meant to be read, through the gate's own front door: one sentence, exit 1, and soon."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from autarch.market.lock_toml import lock_toml
from autarch.repo.git import GitRepo
from ci.checks import policy, scope
from ci.target import candidate_of_commits, candidate_of_folder

GIB = 1 << 30


def sparse(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def huge_manifest(folder: Path) -> None:
    sparse(folder / "manifest.toml", GIB)


def code(text: bytes | str):
    content = text if isinstance(text, bytes) else text.encode("utf-8")

    def write(folder: Path) -> None:
        before = (folder / "strategy.py").read_bytes()
        (folder / "strategy.py").write_bytes(content.replace(b"{strategy}", before))

    return write


def manifest(text: bytes | str):
    content = text if isinstance(text, bytes) else text.encode("utf-8")

    def write(folder: Path) -> None:
        before = (folder / "manifest.toml").read_bytes()
        (folder / "manifest.toml").write_bytes(content.replace(b"{manifest}", before))

    return write


def value(x: str):
    return code(f"{{strategy}}\ndef more():\n    return {x}\n")


BAD = {
    "a strategy of 10 MB": (code(b"x = 1\n" * 1_700_000), "scope", "more than 131072 bytes"),
    "a strategy of 100 kB": (code(b"x = 1\n" * 17_000), "policy", "at most 65536"),
    "ten thousand brackets": (value("(" * 10_000 + "1" + ")" * 10_000), "policy", "nest deeper than 32"),
    "ten thousand brackets that stay open": (value("[" * 10_000), "policy", "nest deeper than 32"),
    "a NUL byte": (code(b"{strategy}# \0\n"), "scope", "not ASCII"),
    "not UTF-8": (code(b"{strategy}# \xff\n"), "scope", "not ASCII"),
    "UTF-16": (code("x = 1\n".encode("utf-16")), "scope", "not ASCII"),
    "a byte order mark": (code(b"\xef\xbb\xbf{strategy}"), "scope", "not ASCII"),
    "nothing": (code(b""), "policy", "exactly one"),
    "a newline": (code(b"\n"), "policy", "exactly one"),
    "carriage returns": (code(b"{strategy}\r\n"), "policy", "LF line ends"),
    "a form feed": (code(b"{strategy}\x0c\n"), "policy", "control character"),
    "an attribute of an attribute": (
        value("bars" + ".close" * 9_000),
        "policy",
        "strategy.py:20:1: nesting: cannot be parsed",
    ),
    "sixty thousand signs": (value("-" * 60_000 + "1"), "policy", "cannot be parsed"),
    "a number of five thousand digits": (value("9" * 5_000), "policy", "4300"),
    "a text without an end": (value('"""'), "policy", "does not end"),
    "a thousand lambdas": (value("lambda: " * 1_000 + "1"), "policy", "deeper than 60 levels"),
    "a line of 60 kB": (value("1" + " + 1" * 15_000), "policy", "; "),
    "a manifest of 1 GB": (huge_manifest, "scope", "more than 65536 bytes"),
    "a manifest that nests": (manifest("x = " + "[" * 2_000), "policy", "nests too deeply"),
    "a manifest of one long key": (manifest("{manifest}" + "a." * 1_500 + "a = 1"), "policy", "1500 dots"),
    "a key twice": (manifest("{manifest}\nslow = 1"), "policy", "not TOML"),
    "a parameter that is no number": (manifest("{manifest}\nx = nan"), "policy", "x is nan"),
    "a parameter that is a text": (manifest('{manifest}\nx = "1"'), "policy", "got `str`"),
    "an empty manifest": (manifest(b""), "policy", "missing required field"),
    "a manifest that is no text": (manifest(b"\0" * 99), "scope", "not ASCII"),
}


@pytest.fixture
def folder(tmp_path: Path, kit) -> Path:
    made = tmp_path / "probe"
    made.mkdir()
    (made / "manifest.toml").write_bytes(kit.manifest(params="[params]\nfast = 10\nslow = 40"))
    (made / "strategy.py").write_text(kit.head + kit.trend)
    return made


def told(folder: Path) -> tuple[str, str]:
    """Return the check that refuses the folder and its sentence."""
    candidate = candidate_of_folder(folder, base=None)
    answer = scope.check(candidate)
    if answer.verdict == "failed":
        return "scope", answer.detail
    answer = policy.check(candidate)
    return ("policy", answer.detail) if answer.verdict == "failed" else ("", "")


def test_the_folder_itself_is_in_order(folder) -> None:
    assert told(folder) == ("", "")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_a_sentence_and_with_little_memory(folder, name) -> None:
    spoil, check, words = BAD[name]
    spoil(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found, sentence = told(folder)

    assert (found, words in sentence) == (check, True), sentence
    assert sentence.isprintable()
    assert len(sentence) < 2_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", "-c", "core.ignoreCase=false"]
    return subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(folder: Path) -> Path:
    """A clone whose branch `agent/probe-1` proposes the folder, which still stands beside it."""
    root = folder.parent / "clone"
    (root / "strategies").mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    (root / "README.md").write_text("x\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "Begin")
    git(root, "checkout", "-q", "-b", "agent/probe-1")
    folder.rename(root / "strategies" / "probe")
    return root


def proposed(root: Path) -> tuple[str, str]:
    """Commit what stands in the work tree, and return what the gate's first two checks say of the branch."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "Propose")
    base, head = git(root, "rev-parse", "main"), git(root, "rev-parse", "HEAD")
    candidate = candidate_of_commits(GitRepo(root), base=base, head=head)
    answer = scope.check(candidate)
    if answer.verdict == "failed":
        return "scope", answer.detail
    answer = policy.check(candidate)
    return ("policy", answer.detail) if answer.verdict == "failed" else ("", "")


def linked(root: Path) -> None:
    (root / "strategies/probe/strategy.py").unlink()
    (root / "strategies/probe/strategy.py").symlink_to("/etc/passwd")


def executable(root: Path) -> None:
    (root / "strategies/probe/strategy.py").chmod(0o755)


def submodule(root: Path) -> None:
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{git(root, 'rev-parse', 'main')},strategies/probe/inner")
    (root / "strategies/probe/inner").mkdir()


def attributes(root: Path) -> None:
    (root / "strategies/probe/.gitattributes").write_text("strategy.py export-subst ident\n")


def attributes_above(root: Path) -> None:
    (root / "strategies/.gitattributes").write_text("*.py export-subst\n")


def twin_of_the_file(root: Path) -> None:
    (root / "strategies/probe/Strategy.py").write_text("x = 1\n")


def twin_of_the_folder(root: Path) -> None:
    (root / "strategies/Probe").mkdir()
    (root / "strategies/Probe/strategy.py").write_text("x = 1\n")


def beside(root: Path) -> None:
    (root / "sitecustomize.py").write_text("x = 1\n")


def large(root: Path) -> None:
    (root / "strategies/probe/strategy.py").write_bytes(b"x = 1\n" * 1_700_000)


def crlf_on_the_way(root: Path) -> None:
    """A clone that would convert line ends: the bytes judged are those committed."""
    git(root, "config", "core.autocrlf", "false")
    path = root / "strategies/probe/strategy.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


TRICKS = {
    linked: ("scope", "is a symbolic link"),
    executable: ("scope", "is executable"),
    submodule: ("scope", "does not belong"),
    attributes: ("scope", "does not belong"),
    attributes_above: ("scope", "does not lie in a folder of strategies/"),
    twin_of_the_file: ("scope", "does not belong"),
    twin_of_the_folder: ("scope", "differ only in case"),
    beside: ("scope", "one or the other"),
    large: ("scope", "has 10200000 bytes"),
    crlf_on_the_way: ("policy", "LF line ends"),
}


def test_a_branch_of_the_two_files_is_in_order(clone) -> None:
    assert proposed(clone) == ("", "")


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.__name__)
def test_a_trick_of_the_repository_is_refused_by_name(clone, trick) -> None:
    trick(clone)

    found, sentence = proposed(clone)

    check, words = TRICKS[trick]
    assert (found, words in sentence) == (check, True), sentence


def test_the_bytes_judged_are_those_of_the_object_store_not_of_the_work_tree(clone) -> None:
    assert proposed(clone) == ("", "")
    (clone / "strategies/probe/strategy.py").write_text("import os\n")
    head = git(clone, "rev-parse", "HEAD")

    candidate = candidate_of_commits(GitRepo(clone), base=git(clone, "rev-parse", "main"), head=head)

    assert b"import os" not in candidate.source.code


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ten thousand brackets", "a manifest of 1 GB", "a manifest that nests"])
def test_the_command_answers_with_the_sentence_and_exit_one(clone, root, name, bars_on_disk) -> None:
    lock, stores = bars_on_disk
    (clone / "ci/datasets").mkdir(parents=True)
    (clone / "ci/policy.toml").write_text((root / "ci/policy.toml").read_text().replace('"synthetic"', '"hills"'))
    (clone / "ci/datasets/hills.toml").write_bytes(lock_toml(lock))
    spoil, check, words = BAD[name]
    spoil(clone / "strategies/probe")

    done = subprocess.run(
        [sys.executable, "-P", "-m", "autarch", "gate", "strategies/probe", "--json"],
        cwd=clone,
        env={**os.environ, "AUTARCH_DATA_TRAIN": stores.train},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    assert answer["verdict"] == "rejected"
    (failed,) = [each for each in answer["checks"] if each["verdict"] == "failed"]
    assert failed["name"] == check
    assert words in failed["detail"]
