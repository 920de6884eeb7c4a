"""Trees that grow by files: the same that git's own index makes, whatever the names, in two processes."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.repo.git import GitError, GitRepo
from autarch.repo.growing import grow
from autarch.repo.objects import REGULAR
from autarch.repo.packing import pack
from autarch.repo.runner import Runner
from autarch.repo.store import ObjectStore

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's name for a tree of nothing
NAMES = st.sampled_from(["a", "b.c", "-x", ":(top)", "a b", "ä", "two\nlines", ".hidden", "00"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="module")
def repo(tmp_path_factory) -> GitRepo:
    made = GitRepo(tmp_path_factory.mktemp("growing"))
    made.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    return made


def whole(repo: GitRepo, tree: str) -> dict[str, bytes]:
    return {entry.path: repo.cat_blob(entry.oid) for entry in repo.ls_tree(tree, recursive=True)}


def by_index(repo: GitRepo, files: dict[str, bytes]) -> str:
    """Return the tree that git's index makes of these files."""
    lines = b"".join(
        f"{REGULAR} {repo.write_blob(content)}\t".encode() + path.encode() + b"\0" for path, content in files.items()
    )
    again = GitRepo(repo.path, quarantine={"GIT_INDEX_FILE": str(repo.path / "an index")})
    again.run("read-tree", "--empty")
    again.run("update-index", "-z", "--index-info", stdin=lines)
    return again.run("write-tree").stdout.decode().strip()


def without_folders_of_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """Drop what lies below a path that is a file."""
    return {
        path: content for path, content in files.items() if not any(path.startswith(f"{other}/") for other in files)
    }


@settings(max_examples=6)
@given(
    st.dictionaries(PATHS, st.binary(max_size=40), max_size=4).map(without_folders_of_files),
    st.dictionaries(PATHS, st.binary(max_size=40), min_size=1, max_size=4).map(without_folders_of_files),
    st.data(),
)
def test_a_grown_tree_is_what_git_s_index_makes_of_the_same_files(repo, before, added, data):
    gone = data.draw(st.sets(st.sampled_from(sorted(before)))) - set(added) if before else set()
    changes = {**dict.fromkeys(gone), **added}
    kept = {path: content for path, content in before.items() if path not in gone}
    for path in added:  # a file in the way of a folder, or a folder in the way of a file, makes room
        kept = {
            old: content
            for old, content in kept.items()
            if not path.startswith(f"{old}/") and not old.startswith(f"{path}/")
        }

    grown = repo.with_files(by_index(repo, before), changes)

    assert grown == by_index(repo, kept | added)
    assert whole(GitRepo(repo.path), grown) == kept | added  # each object is stored under its name


def test_nothing_left_is_the_empty_tree_and_an_unknown_removal_changes_nothing(repo):
    tree = repo.with_files(None, {"a/b/c": b"1"})

    assert repo.with_files(tree, {"a/b/c": None}) == EMPTY
    assert repo.with_files(tree, {"z/b": None}) == tree
    assert repo.with_files(None, {}) == EMPTY
    assert GitRepo(repo.path).kind_of(EMPTY) == "tree"


def test_a_file_and_a_folder_take_each_other_s_place(repo):
    file, folder = repo.with_files(None, {"a": b"1"}), repo.with_files(None, {"a/b": b"2"})

    assert repo.with_files(folder, {"a/b": None, "a": b"1"}) == repo.with_files(folder, {"a": b"1"}) == file
    assert repo.with_files(file, {"a": None, "a/b": b"2"}) == repo.with_files(file, {"a/b": b"2"}) == folder


def test_a_commit_s_tree_may_be_named_by_the_commit(repo, somebody):
    tree = repo.with_files(None, {"a/b": b"1"})
    commit = repo.commit_tree(tree, parents=[], message="x\n", author=somebody)

    assert repo.with_files(commit, {"a/c": b"2"}) == repo.with_files(tree, {"a/c": b"2"})


def test_how_deep_a_file_lies_costs_no_process(repo, monkeypatch):
    tree = repo.with_files(None, {"entries/0012/34/00123455": b"one", "entries/0011/34/00123455": b"two"})
    asked, plain = [], Runner.run

    def run(self, *arguments, **more):
        asked.append(arguments[0])
        return plain(self, *arguments, **more)

    monkeypatch.setattr(Runner, "run", run)

    grow(ObjectStore(Runner(repo.path)), tree, {"entries/0012/34/00123456": b"three"})

    assert asked == ["cat-file", "unpack-objects"]


def test_a_repository_of_longer_names_gets_longer_names(tmp_path):
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--bare", "--object-format=sha256", ".")

    tree = repo.with_files(repo.with_files(None, {"a/b": b"1"}), {"a/c": b"2"})

    assert len(tree) == 64
    assert whole(GitRepo(tmp_path), tree) == {"a/b": b"1", "a/c": b"2"}


def test_a_blob_is_no_tree_to_grow(repo):
    with pytest.raises(GitError, match="is a blob; expected a tree"):
        repo.with_files(repo.write_blob(b"x"), {"a": b"1"})
    with pytest.raises(GitError, match="missing"):
        GitRepo(repo.path).with_files("1" * 40, {"a/b": b"1"})


@pytest.mark.parametrize("size", [0, 15, 16, 2047, 2048, 300_000])
def test_a_pack_is_one_that_git_can_read(repo, size):
    content = bytes(n * 7919 % 251 for n in range(size))

    repo.run("unpack-objects", "-q", stdin=pack([("blob", content)]))

    oid = subprocess.run(["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True).stdout
    assert GitRepo(repo.path).cat_blob(oid.decode().strip()) == content


def test_a_path_that_is_to_be_a_file_and_a_folder_is_refused(repo):
    tree = repo.with_files(None, {"a/x": b"1"})

    with pytest.raises(ValueError, match="'a' cannot be a file and hold 'y'"):
        repo.with_files(tree, {"a": b"2", "a/y": b"3"})
    assert whole(repo, repo.with_files(tree, {"a": b"2", "a/x": None})) == {"a": b"2"}
