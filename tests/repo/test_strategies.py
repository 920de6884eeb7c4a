"""What a proposal is, by its diff: one strategy, the platform, or refused with the cure."""

from __future__ import annotations

import hashlib
import zlib

import pytest

from autarch.errors import StrategyError, UsageError
from autarch.repo.objects import EXECUTABLE, FOLDER, GITLINK, REGULAR, SYMLINK, TreeEntry
from autarch.repo.strategies import (
    BYTES_MAX,
    LANDED_BYTES_MAX,
    PROBLEMS_MAX,
    classify,
    list_strategies,
    read_strategy,
    strategy_tree,
)

MANIFEST = """schema = 1
name = "{name}"
title = "A title"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 10
max_leverage = 1.0
"""


def strategy(name, code="x = 1\n", extra="", folder=None):
    where = f"strategies/{folder or name}"
    return {
        f"{where}/manifest.toml": (MANIFEST.format(name=name) + extra).encode(),
        f"{where}/strategy.py": code.encode(),
    }


@pytest.fixture
def main(commit):
    return commit({"autarch/a.py": b"1\n", **strategy("old_one"), **strategy("other_one")})


@pytest.fixture
def judge(repo, commit, main):
    """Classify a branch that makes these changes to main."""

    def run(files):
        return classify(repo, base=main, head=commit(files, main))

    return run


@pytest.fixture
def judge_entries(repo, main, somebody):
    """Classify a branch whose strategies/old_one is made of these tree entries."""

    def run(*entries):
        folder = repo.write_tree(entries)
        slugs = [entry for entry in repo.ls_tree(main, "strategies") if entry.path != "strategies/old_one"]
        named = [TreeEntry(mode=e.mode, oid=e.oid, path=e.path.partition("/")[2]) for e in slugs]
        strategies = repo.write_tree([*named, TreeEntry(mode=FOLDER, oid=folder, path="old_one")])
        rest = [entry for entry in repo.ls_tree(main) if entry.path != "strategies"]
        tree = repo.write_tree([*rest, TreeEntry(mode=FOLDER, oid=strategies, path="strategies")])
        head = repo.commit_tree(tree, parents=[main], message="x\n", author=somebody)
        return classify(repo, base=main, head=head)

    return run


def entries_of(repo, main, slug="old_one"):
    return {
        entry.path.rpartition("/")[2]: TreeEntry(mode=entry.mode, oid=entry.oid, path=entry.path.rpartition("/")[2])
        for entry in repo.ls_tree(main, f"strategies/{slug}")
    }


def test_a_new_strategy_an_edited_one_and_one_with_a_readme_are_strategies(judge):
    for files in (
        strategy("new_one"),
        {"strategies/old_one/strategy.py": b"y = 2\n"},
        {"strategies/old_one/README.md": b"# Why\n"},
    ):
        change = judge(files)

        assert (change.kind, change.problems) == ("strategy", ())
        assert change.slug == min(files).split("/")[1]


def test_anything_outside_strategies_is_platform(judge):
    change = judge({"autarch/a.py": b"2\n", "README.md": b"x\n"})

    assert (change.kind, change.slug, change.problems) == ("platform", None, ())
    assert change.paths == ("README.md", "autarch/a.py")


def test_a_branch_that_changes_nothing_is_empty(repo, main):
    change = classify(repo, base=main, head=main)

    assert change.kind == "empty"
    assert "changes nothing" in change.problems[0]


def test_a_strategy_with_a_platform_file_is_mixed(judge):
    change = judge(strategy("new_one") | {"ci/policy.toml": b"x\n"})

    assert change.kind == "mixed"
    assert "'ci/policy.toml'" in change.problems[0]


def test_what_main_gained_meanwhile_is_not_the_branchs(repo, commit, main):
    head = commit({"strategies/old_one/strategy.py": b"y = 2\n"}, main)
    later = commit({"autarch/a.py": b"3\n"}, main)

    assert classify(repo, base=later, head=head).kind == "strategy"


def test_two_histories_are_not_compared(repo, commit, main):
    with pytest.raises(UsageError, match="share no history"):
        classify(repo, base=main, head=commit({"a": b"1"}))


@pytest.mark.parametrize(
    "name", [".gitattributes", ".gitignore", "helper.py", "STRATEGY.py", "data.csv", "strategy.pyc"]
)
def test_a_file_that_does_not_belong_is_refused_by_name(judge, name):
    change = judge(strategy("new_one") | {f"strategies/new_one/{name}": b"x\n"})

    assert change.kind == "strategy"
    assert f"strategies/new_one/{name}' does not belong" in " ".join(change.problems)


def test_a_folder_inside_a_strategy_is_refused(judge):
    files = strategy("new_one")
    del files["strategies/new_one/manifest.toml"]

    change = judge(files | {"strategies/new_one/manifest.toml/x": b"x\n"})

    assert "a folder" in " ".join(change.problems)


@pytest.mark.parametrize(
    ("mode", "text"),
    [(EXECUTABLE, "executable"), (SYMLINK, "symbolic link"), (GITLINK, "submodule"), ("100664", "100664")],
)
def test_a_file_that_is_not_regular_is_refused(repo, main, judge_entries, mode, text):
    entries = entries_of(repo, main)
    oid = main if mode == GITLINK else repo.write_blob(b"y = 2\n")
    entries["strategy.py"] = TreeEntry(mode=mode, oid=oid, path="strategy.py")

    change = judge_entries(*entries.values())

    assert (change.kind, change.slug) == ("strategy", "old_one")
    assert text in " ".join(change.problems)


def test_a_missing_file_is_named(judge):
    for name in ("strategy.py", "manifest.toml"):
        change = judge({f"strategies/old_one/{name}": None})

        assert change.problems == (f"strategies/old_one/{name} is missing; add it.",)


def test_text_that_is_not_ascii_is_refused_with_its_line(judge):
    change = judge(strategy("new_one", code="x = 1\n# caf\u00e9\n"))

    assert "strategies/new_one/strategy.py:2 holds a byte" in change.problems[0]
    assert "holds a byte" in judge({"strategies/old_one/README.md": b"a\x00b"}).problems[0]


def test_a_file_at_its_size_cap_passes_and_one_byte_more_fails(judge):
    most = BYTES_MAX["README.md"]

    assert judge({"strategies/old_one/README.md": b"x" * most}).problems == ()
    assert f"at most {most}" in judge({"strategies/old_one/README.md": b"x" * (most + 1)}).problems[0]


@pytest.fixture
def claimed_blob(repo):
    """Store an object whose header claims a size that its content has not: who reads it finds it damaged."""

    def write(n_bytes):
        oid = hashlib.sha1(str(n_bytes).encode(), usedforsecurity=False).hexdigest()
        place = repo.path / "objects" / oid[:2] / oid[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(f"blob {n_bytes}\0x".encode()))
        return oid

    return write


@pytest.mark.parametrize("name", BYTES_MAX)
def test_a_file_of_a_gigabyte_is_refused_by_its_header_and_never_read(repo, main, judge_entries, claimed_blob, name):
    entries = {**entries_of(repo, main)}
    entries[name] = TreeEntry(mode=REGULAR, oid=claimed_blob(1 << 30), path=name)

    change = judge_entries(*entries.values())

    assert change.problems[0] == (
        f"strategies/old_one/{name} has 1073741824 bytes; at most {BYTES_MAX[name]} are allowed: shorten it."
    )
    with pytest.raises(StrategyError, match="1073741824 bytes"):
        read_strategy(repo, change.head, "old_one")


def test_a_huge_file_of_the_platform_is_not_merged_on_trial(repo, main, commit, somebody, claimed_blob):
    huge = TreeEntry(mode=REGULAR, oid=claimed_blob(LANDED_BYTES_MAX + 1), path="data.bin")
    tree = repo.write_tree([*repo.ls_tree(main), huge])
    head = repo.commit_tree(tree, parents=[main], message="x\n", author=somebody)

    change = classify(repo, base=commit({"autarch/a.py": b"3\n"}, main), head=head)

    assert "'data.bin' has 67108865 bytes" in change.problems[0]


def test_a_folder_of_a_thousand_names_is_refused_in_a_few_sentences(repo, main, judge_entries):
    oid = repo.write_blob(b"x\n")
    more = [TreeEntry(mode=REGULAR, oid=oid, path=f"x{n}.py") for n in range(1000)]

    change = judge_entries(*entries_of(repo, main).values(), *more)

    assert len(change.problems) == PROBLEMS_MAX + 1
    assert change.problems[-1] == "strategies/old_one has more problems of this kind."


def test_a_name_that_a_tree_holds_twice_is_refused_before_anything_is_read(repo, main, judge_entries, claimed_blob):
    huge = TreeEntry(mode=REGULAR, oid=claimed_blob(1 << 30), path="strategy.py")

    change = judge_entries(huge, *entries_of(repo, main).values())

    assert "names a file twice" in " ".join(change.problems)


def test_two_strategies_at_once_are_refused(judge):
    change = judge(strategy("new_one") | strategy("new_two"))

    assert "propose one at a time" in change.problems[0]


@pytest.mark.parametrize(
    "files",
    [
        {"strategies/__init__.py": b""},
        {"strategies/.gitattributes": b"* text\n"},
        {"Strategies/old_one/strategy.py": b"x = 1\n"},
        {"STRATEGIES": b"x"},
    ],
)
def test_a_file_beside_the_strategies_folders_is_refused(judge, files):
    for more in ({}, strategy("new_one")):
        change = judge(files | more)

        assert (change.kind, change.removal) == ("strategy", False)
        assert "does not lie in a folder of strategies/" in change.problems[0]


def test_the_folder_of_strategies_replaced_by_a_file_is_refused(repo, main, somebody):
    rest = [entry for entry in repo.ls_tree(main) if entry.path != "strategies"]
    tree = repo.write_tree([*rest, TreeEntry(mode=SYMLINK, oid=repo.write_blob(b"/etc"), path="strategies")])
    head = repo.commit_tree(tree, parents=[main], message="x\n", author=somebody)

    assert len(classify(repo, base=main, head=head).problems) >= 2  # the link, and two strategies gone at once


def test_a_name_that_differs_only_in_case_is_refused(judge):
    change = judge(strategy("Old_one", folder="Old_one"))

    assert any("differ only in case" in problem for problem in change.problems)


@pytest.mark.parametrize("slug", ["ab", "1abc", "a-b-c", "a" * 41, "abc def"])
def test_a_folder_that_is_no_slug_is_refused(judge, slug):
    assert any("is no slug" in problem for problem in judge(strategy("abc", folder=slug)).problems)


def gone(slug):
    return {f"strategies/{slug}/{name}": None for name in ("manifest.toml", "strategy.py")}


def test_removing_one_whole_folder_is_a_removal(judge):
    change = judge(gone("old_one"))

    assert (change.kind, change.slug, change.removal, change.problems) == ("strategy", "old_one", True, ())


def test_removing_two_folders_is_refused(judge):
    assert "remove one at a time" in " ".join(judge(gone("old_one") | gone("other_one")).problems)


def test_a_strategy_may_remove_the_one_folder_it_retires_and_no_other(judge):
    retiring = strategy("new_one", extra='[origin]\nretires = "old_one"\n')

    change = judge(retiring | gone("old_one"))
    assert (change.slug, change.retires, change.removal, change.problems) == ("new_one", "old_one", False, ())
    for files in (retiring | gone("other_one"), strategy("new_one") | gone("old_one")):
        assert "does not retire" in " ".join(judge(files).problems)


def test_a_rename_is_an_addition_and_a_removal(judge):
    assert "does not retire" in judge(strategy("new_one", code="x = 1\n") | gone("old_one")).problems[0]


def test_strategies_are_listed_and_read_as_bytes(repo, main, commit):
    head = commit({"strategies/README.md": b"x", **strategy("Not-a-slug")}, main)

    assert list_strategies(repo, head) == ("old_one", "other_one")
    source = read_strategy(repo, head, "old_one")
    assert source.manifest.name == "old_one"
    assert source.code == b"x = 1\n"
    assert strategy_tree(repo, head, "old_one") == repo.entry_at(head, "strategies/old_one").oid
    assert strategy_tree(repo, head, "nothing") is None
    with pytest.raises(UsageError, match="there are: old_one, other_one"):
        read_strategy(repo, head, "nothing")


def test_a_strategy_of_the_wrong_shape_is_not_read(repo, commit, main):
    head = commit({"strategies/old_one/.gitattributes": b"strategy.py export-subst\n"}, main)

    with pytest.raises(StrategyError, match="does not belong"):
        read_strategy(repo, head, "old_one")


def test_the_same_files_have_the_same_tree_wherever_they_are(repo, commit, main):
    head = commit({"autarch/a.py": b"9\n"}, main)

    assert strategy_tree(repo, head, "old_one") == strategy_tree(repo, main, "old_one")
    assert repo.entry_at(head, "strategies/old_one/strategy.py").mode == REGULAR
