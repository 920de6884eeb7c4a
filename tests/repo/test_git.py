"""Plumbing on real repositories: exact bytes, exact modes, compare-and-swap, nothing ambient."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import UsageError
from autarch.repo import objects
from autarch.repo.git import GitError, GitRepo, PushRefusedError, Remote, StaleRefError
from autarch.repo.history import steps
from autarch.repo.objects import FOLDER, GITLINK, REGULAR, SYMLINK, TreeEntry


def test_blobs_come_back_byte_for_byte(repo):
    for content in (b"", b"\r\n\x00\xff" * 7, b"no newline", b"\n\n"):
        assert repo.cat_blob(repo.write_blob(content)) == content


def test_inherited_git_variables_reach_no_command(repo, commit, monkeypatch, tmp_path):
    head = commit({"a": b"1"})
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Mallory")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='maybe'")

    assert repo.read_commit(head).author.name == "Somebody"
    assert repo.blob_at(head, "a") == b"1"


def test_a_commit_owes_nothing_to_host_or_clock(commit):
    assert commit({"a": b"1"}) == commit({"a": b"1"})


def test_a_replaced_object_is_still_read_as_itself(repo, commit):
    head, other = commit({"a": b"1"}), commit({"a": b"2"})
    repo.update_ref(f"refs/replace/{head}", other, old=None)

    assert repo.blob_at(head, "a") == b"1"


def test_an_object_whose_bytes_changed_on_disk_is_refused(repo):
    oid = repo.write_blob(b"honest")
    file = repo.path / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(zlib.compress(b"blob 6\x00forged"))

    with pytest.raises(GitError, match=oid):
        repo.cat_blob(oid)


def test_a_missing_object_is_named(repo):
    with pytest.raises(GitError, match=f"{'0' * 39}1 is missing"):
        repo.cat_blob("0" * 39 + "1")


def test_an_object_of_another_kind_is_refused(repo, commit):
    head = commit({"a": b"1"})
    with pytest.raises(GitError, match="is a commit; expected a blob"):
        repo.cat_blob(head)
    with pytest.raises(GitError, match="is a blob; expected a tree"):
        repo.ls_tree(repo.write_blob(b"x"))


def test_trees_list_exact_modes_and_undecodable_names(repo):
    blob = repo.write_blob(b"x")
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    entries = [
        TreeEntry(mode=REGULAR, oid=blob, path=odd),
        TreeEntry(mode=SYMLINK, oid=blob, path="link"),
        TreeEntry(mode=GITLINK, oid="1" * 40, path="sub"),
    ]

    tree = repo.write_tree(entries)

    assert sorted(repo.ls_tree(tree), key=lambda e: e.mode) == sorted(entries, key=lambda e: e.mode)
    assert repo.blob_at(tree, "link") is None
    assert repo.blob_at(tree, odd) == b"x"


def test_a_tree_that_names_a_path_twice_is_damaged(repo):
    blob = repo.write_blob(b"x")
    twice = objects.format_tree([TreeEntry(mode=REGULAR, oid=blob, path="a")] * 2)
    tree = repo.run("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=twice).stdout.decode().strip()

    with pytest.raises(GitError, match="twice"):
        repo.entry_at(tree, "a")


def test_folders_are_listed_whole_or_recursively(repo, commit):
    head = commit({"a/b/c": b"1", "a/d": b"2", "e": b"3"})

    assert [entry.path for entry in repo.ls_tree(head)] == ["a", "e"]
    assert [entry.path for entry in repo.ls_tree(head, "a")] == ["a/b", "a/d"]
    assert [entry.path for entry in repo.ls_tree(head, recursive=True)] == ["a/b/c", "a/d", "e"]
    assert repo.ls_tree(head, "nothing") == ()
    assert repo.ls_tree(head, "e") == ()


def test_changes_apply_to_a_tree_and_empty_folders_vanish(repo, commit):
    first = commit({"a/b/c": b"1", "a/d": b"2", "e": b"3"})
    second = commit({"a/b/c": None, "f/g": b"4", "e": b"5"}, first)

    assert [entry.path for entry in repo.ls_tree(second, recursive=True)] == ["a/d", "e", "f/g"]
    assert repo.entry_at(second, "a/b") is None
    assert repo.blob_at(second, "e") == b"5"


def test_our_tree_ids_are_gits(repo, commit):
    head = commit({"a-b": b"1", "a/x": b"2", "a.c": b"3"})  # git sorts the folder as "a/": after "a-b" and "a.c"

    assert [entry.path for entry in repo.ls_tree(head)] == ["a-b", "a.c", "a"]
    assert repo.run("fsck", "--strict").code == 0


def test_a_diff_shows_renames_as_two_paths_and_modes_as_stored(repo, commit):
    first = commit({"a": b"same", "b": b"1"})
    second = commit({"a": None, "c": b"same", "b": b"2"}, first)

    diff = {entry.path: (entry.status, entry.old_mode, entry.new_mode) for entry in repo.diff_tree(first, second)}

    assert diff == {
        "a": ("D", "100644", "000000"),
        "b": ("M", "100644", "100644"),
        "c": ("A", "000000", "100644"),
    }


def test_ancestry_and_first_parents(repo, commit):
    root = commit({"a": b"0"})
    main = commit({"a": b"1"}, root)
    topic = commit({"b": b"1"}, root)
    merge = commit({"b": b"1"}, main, topic)

    assert repo.is_ancestor(topic, merge)
    assert not repo.is_ancestor(merge, topic)
    assert [repo.first_parent_contains(merge, one) for one in (merge, main, root, topic)] == [True, True, True, False]
    assert not repo.first_parent_contains(main, merge)
    assert repo.merge_base(main, topic) == root
    assert repo.merge_base(main, commit({"z": b"1"})) is None
    assert repo.commits(merge, exclude=root, first_parent=True) == (merge, main)
    with pytest.raises(GitError, match="cannot compare"):
        repo.is_ancestor("0" * 40, merge)


def test_a_history_is_read_with_what_each_commit_changed(repo, commit):
    root = commit({"a": b"0"})
    second = commit({"b": b"1"}, root)
    topic = commit({"c": b"1"}, root)
    merge = commit({"c": b"1"}, second, topic)

    found = {step.commit: (step.parents, [entry.path for entry in step.changes]) for step in steps(repo, merge)}

    assert found == {
        root: ((), ["a"]),
        second: ((root,), ["b"]),
        topic: ((root,), ["c"]),
        merge: ((second, topic), []),
    }
    assert [step.commit for step in steps(repo, second, exclude=root)] == [second]


def test_a_merge_gives_a_tree_or_names_the_conflict(repo, commit):
    root = commit({"a": b"0", "b": b"0"})
    ours, theirs = commit({"a": b"1"}, root), commit({"b": b"1"}, root)
    against = commit({"a": b"2"}, root)

    merged = repo.merge_tree(ours, theirs)

    assert repo.blob_at(merged.tree, "a") == repo.blob_at(merged.tree, "b") == b"1"
    assert repo.merge_tree(ours, against).tree is None
    assert repo.merge_tree(ours, against).conflicts == ("a",)
    with pytest.raises(GitError, match="cannot merge"):
        repo.merge_tree(ours, "0" * 40)


def test_a_reference_moves_only_from_where_it_was_seen(repo, commit):
    first = commit({"a": b"0"})
    second = commit({"a": b"1"}, first)
    repo.update_ref("refs/heads/x", first, old=None)

    for new, old in ((second, None), (second, second), (None, second)):
        with pytest.raises(StaleRefError, match="somebody else wrote first"):
            repo.update_ref("refs/heads/x", new, old=old)
    repo.update_ref("refs/heads/x", second, old=first)
    assert repo.refs("refs/heads/") == {"refs/heads/x": second}
    repo.update_ref("refs/heads/x", None, old=second)
    assert repo.read_ref("refs/heads/x") is None


def test_a_name_that_is_an_option_or_nothing_resolves_to_nothing(repo):
    for name in ("--all", "", "nothing", "-h"):
        assert repo.resolve(name) is None
    with pytest.raises(UsageError, match="names no commit"):
        repo.rev_parse("nothing")


def test_a_push_is_all_or_nothing_and_tells_a_race_from_a_rule(tmp_path, repo, commit):
    there = GitRepo(tmp_path / "there")
    there.path.mkdir()
    there.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    remote = Remote(url=str(there.path))
    first = commit({"a": b"0"})
    second, fork = commit({"a": b"1"}, first), commit({"a": b"2"}, first)

    repo.push(remote, {"refs/heads/x": second, "refs/autarch/y": first}, leases={"refs/heads/x": None})

    assert repo.ls_remote(remote) == {"refs/autarch/y": first, "refs/heads/x": second}
    for leases in ({}, {"refs/heads/x": first}, {"refs/heads/x": None}):
        with pytest.raises(StaleRefError):
            repo.push(remote, {"refs/heads/x": fork, "refs/heads/z": first}, leases=leases)
    assert "refs/heads/z" not in repo.ls_remote(remote)
    hook = there.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'rule: never' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRefusedError, match="rule: never"):
        repo.push(remote, {"refs/heads/z": first})
    with pytest.raises(GitError, match="cannot push"):
        repo.push(Remote(url=str(tmp_path / "nowhere")), {"refs/heads/z": first})


def test_a_fetch_brings_objects_and_moves_only_what_was_named(tmp_path, repo, commit):
    head = commit({"a": b"0"})
    repo.update_ref("refs/heads/main", head, old=None)
    clone = GitRepo(tmp_path / "clone")
    clone.path.mkdir()
    clone.run("init", "--quiet", "--bare", ".")

    clone.fetch(Remote(url=str(repo.path)), [head])
    assert clone.blob_at(head, "a") == b"0"
    assert clone.refs("refs/") == {}
    clone.fetch(Remote(url=str(repo.path)), ["+refs/heads/main:refs/remotes/there/main"])
    assert clone.refs("refs/") == {"refs/remotes/there/main": head}


def test_a_token_is_neither_shown_nor_put_on_a_command_line():
    remote = Remote(url="http://127.0.0.1:1/a/b.git", token="s3cret")

    assert "s3cret" not in repr(remote)
    assert remote.environment()["GIT_CONFIG_KEY_0"] == "http.http://127.0.0.1:1/a/b.git.extraHeader"
    assert Remote(url="x").environment() == {}


def test_trailers_are_the_last_paragraph_alone():
    message = objects.format_message("Subject", "Body: not a trailer\n\nMore", trailers={"Agent": "tuner", "Seed": "7"})

    assert objects.parse_trailers(message) == {"Agent": "tuner", "Seed": "7"}
    assert objects.parse_trailers("Agent: tuner\n") == {}
    assert objects.parse_trailers("Subject\n\nAgent: tuner\nand prose\n") == {}
    with pytest.raises(ValueError, match="no trailer"):
        objects.format_message("Subject", trailers={"Agent": "a\nb"})


def test_damaged_objects_do_not_parse():
    with pytest.raises(ValueError, match="`tree` headers"):
        objects.parse_commit("x", b"author A <a> 1 +0000\n\nhi\n")
    with pytest.raises(ValueError, match="cut short"):
        objects.parse_tree(b"100644 a\x00short")


@given(st.dictionaries(st.text("abcz.-_0", min_size=1, max_size=6), st.booleans(), max_size=8))
def test_every_tree_reads_back_as_it_was_written(names):
    entries = [
        TreeEntry(mode=FOLDER if folder else REGULAR, oid=f"{index:040x}", path=name)
        for index, (name, folder) in enumerate(names.items())
    ]

    found = objects.parse_tree(objects.format_tree(entries))

    assert sorted(found, key=lambda e: e.path) == sorted(entries, key=lambda e: e.path)
