"""Canaries that cheat in the repository: an honest strategy, proposed in a way that lands as something else.

Each is a commit of a real repository, to be judged as a range. `scope` must refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autarch.repo.git import GitRepo
from autarch.repo.objects import EXECUTABLE, FOLDER, GITLINK, REGULAR, SYMLINK, Person, TreeEntry
from ci.candidate import Candidate
from ci.target import candidate_of_commits

from .corpus import TWINS

SLUG = "suppressed_exit"
HERE = f"strategies/{SLUG}"
RIVAL = "size_only"
AUTHOR = Person(name="Somebody", email="somebody@example.invalid", when_s=1_700_000_000)

Files = Mapping[str, bytes | None]
Entries = Callable[[GitRepo, dict[str, TreeEntry]], list[TreeEntry]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trick:
    """A way to propose an honest strategy that is not one.

    `files` are changed beside it; `entries` rewrites what its folder holds; `checked_out` tells that whoever
    checks the branch out, with git's defaults, reads other bytes than the object store holds.
    """

    name: str
    does: str
    says: str
    files: Files = field(default_factory=dict)
    entries: Entries | None = None
    checked_out: bool = False


def honest() -> dict[str, bytes]:
    """Return the honest strategy that every trick rests on, by path."""
    return {f"{HERE}/{p.name}": p.read_bytes() for p in sorted((TWINS / SLUG).iterdir()) if p.is_file()}


def _attributes(line: str) -> Files:
    return {f"{HERE}/.gitattributes": f"{line}\n".encode()}


def _with_comment(text: str) -> Files:
    """Return the honest code with a line in its docstring that a checkout or an archive rewrites."""
    code = honest()[f"{HERE}/strategy.py"].replace(b"Dies when:", f"Dies when: {text}".encode(), 1)
    return {f"{HERE}/strategy.py": code}


def _instead(name: str, mode: str, content: bytes | None = None) -> Entries:
    """Return a rewriting that puts something else in the place of `name`."""

    def rewrite(repo: GitRepo, entries: dict[str, TreeEntry]) -> list[TreeEntry]:
        old = entries.get(name)
        oid = repo.write_blob(content) if content is not None else (old.oid if old is not None else "5" * 40)
        if mode == GITLINK:
            oid = "5" * 40
        return [*(e for n, e in entries.items() if n != name), TreeEntry(mode=mode, oid=oid, path=name)]

    return rewrite


def _beside(name: str, mode: str, content: bytes) -> Entries:
    def rewrite(repo: GitRepo, entries: dict[str, TreeEntry]) -> list[TreeEntry]:
        return [*entries.values(), TreeEntry(mode=mode, oid=repo.write_blob(content), path=name)]

    return rewrite


def _nested(repo: GitRepo, entries: dict[str, TreeEntry]) -> list[TreeEntry]:
    inner = repo.write_tree([replace(entries["strategy.py"], path="__init__.py")])
    return [entries["manifest.toml"], TreeEntry(mode=FOLDER, oid=inner, path="strategy.py")]


def _twice(repo: GitRepo, entries: dict[str, TreeEntry]) -> list[TreeEntry]:
    other = repo.write_blob(b"import os\n")
    return [*entries.values(), replace(entries["strategy.py"], oid=other)]


TRICKS: tuple[Trick, ...] = (
    Trick(
        name="export_subst",
        does="lets `git archive` paste the commit message into the code",
        says=".gitattributes",
        files={**_with_comment("$Format:%B$"), **_attributes("strategy.py export-subst")},
    ),
    Trick(
        name="ident",
        does="lets a checkout expand $Id$ in the code",
        says=".gitattributes",
        files={**_with_comment("$Id$"), **_attributes("strategy.py ident")},
        checked_out=True,
    ),
    Trick(
        name="eol",
        does="lets a checkout rewrite the ends of lines",
        says=".gitattributes",
        files=_attributes("* text eol=crlf"),
        checked_out=True,
    ),
    Trick(
        name="encoding",
        does="lets a checkout write the code in another encoding",
        says=".gitattributes",
        files=_attributes("strategy.py text working-tree-encoding=UTF-16"),
        checked_out=True,
    ),
    Trick(
        name="filter",
        does="lets a filter of the host that checks it out rewrite the code",
        says=".gitattributes",
        files=_attributes("strategy.py filter=lfs diff=lfs -text"),
    ),
    Trick(
        name="attributes_at_the_root",
        does="changes the project's own attributes along with the strategy",
        says=".gitattributes",
        files={".gitattributes": b"strategies/** export-subst\n"},
    ),
    Trick(
        name="linked_manifest",
        does="makes the manifest a symbolic link to a rival's",
        says="symbolic link",
        entries=_instead("manifest.toml", SYMLINK, f"../{RIVAL}/manifest.toml".encode()),
    ),
    Trick(
        name="linked_code",
        does="makes the code a symbolic link out of the project",
        says="symbolic link",
        entries=_instead("strategy.py", SYMLINK, b"../../../elsewhere.py"),
    ),
    Trick(
        name="submodule_as_code",
        does="makes the code a commit of another repository",
        says="submodule",
        entries=_instead("strategy.py", GITLINK),
    ),
    Trick(
        name="submodule_beside",
        does="brings another repository along",
        says="does not belong there",
        entries=_instead("vendor", GITLINK),
    ),
    Trick(
        name="modules_file",
        does="names another repository to fetch",
        says=".gitmodules",
        files={".gitmodules": b'[submodule "x"]\n\tpath = strategies/x\n\turl = ../x\n'},
    ),
    Trick(
        name="case_twin_folder",
        does="adds a folder that differs from the strategy's in case alone, so that one hides the other",
        says="only in case",
        files={f"strategies/{SLUG.title()}/strategy.py": b"x = 1\n"},
    ),
    Trick(
        name="case_twin_file",
        does="adds a file that differs from strategy.py in case alone",
        says="does not belong there",
        files={f"{HERE}/Strategy.py": b"x = 1\n"},
    ),
    Trick(
        name="case_twin_of_strategies",
        does="adds a folder that is `strategies` where case does not count",
        says="lower case",
        files={f"Strategies/{SLUG}/strategy.py": b"x = 1\n"},
    ),
    Trick(
        name="extra_file",
        does="brings a module along that the code could import",
        says="does not belong there",
        files={f"{HERE}/helper.py": b"x = 1\n"},
    ),
    Trick(
        name="package_marker",
        does="makes its folder a package, whose import runs code",
        says="does not belong there",
        files={f"{HERE}/__init__.py": b"x = 1\n"},
    ),
    Trick(
        name="file_of_git",
        does="adds a file whose short name on some disks is that of git's own folder",
        says="does not belong there",
        entries=_beside("git~1", REGULAR, b"x"),
    ),
    Trick(
        name="line_in_a_name",
        does="adds a file whose name holds a line of its own",
        says="does not belong there",
        entries=_beside("README.md\nscope passed", REGULAR, b"x"),
    ),
    Trick(
        name="executable",
        does="makes the code executable",
        says="executable",
        entries=_instead("strategy.py", EXECUTABLE),
    ),
    Trick(
        name="folder_as_code",
        does="makes strategy.py a folder",
        says="a folder",
        entries=_nested,
    ),
    Trick(
        name="same_name_twice",
        does="names strategy.py twice in one tree: one to be read, one to land",
        says="twice",
        entries=_twice,
    ),
    Trick(
        name="look_alike_letters",
        does="hides a letter of another alphabet in the code",
        says="ASCII",
        files={f"{HERE}/strategy.py": honest()[f"{HERE}/strategy.py"].replace(b"wanted", "w\u0430nted".encode())},
    ),
    Trick(
        name="policy_along",
        does="opens a limit of the gate along with the strategy",
        says="one or the other",
        files={"ci/policy.toml": b"schema = 1\n"},
    ),
    Trick(
        name="two_at_once",
        does="changes a rival along with the strategy",
        says="one at a time",
        files={f"strategies/{RIVAL}/strategy.py": b"x = 1\n"},
    ),
    Trick(
        name="rival_removed",
        does="removes a rival that it does not retire",
        says="does not retire",
        files={f"strategies/{RIVAL}/strategy.py": None, f"strategies/{RIVAL}/manifest.toml": None},
    ),
)
"""Every trick; the honest strategy without one is accepted by scope, which a test shows."""


def a_main(path: Path) -> tuple[GitRepo, str]:
    """Return a new repository at `path` and the tip of its main, which holds one rival and a policy."""
    path.mkdir()
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    rival = {f"strategies/{RIVAL}/{p.name}": p.read_bytes() for p in sorted((TWINS / RIVAL).iterdir()) if p.is_file()}
    files = {**rival, "ci/policy.toml": b"schema = 0\n", "README.md": b"a project\n"}
    return repo, repo.commit_tree(repo.with_files(None, files), parents=(), message="Begin\n", author=AUTHOR)


def played(repo: GitRepo, main: str, trick: Trick | None) -> str:
    """Return the commit that proposes the honest strategy, with the trick if there is one."""
    tree = repo.with_files(repo.tree_of(main), {**honest(), **(trick.files if trick is not None else {})})
    if trick is not None and trick.entries is not None:
        tree = _rewritten(repo, tree, trick.entries)
    return repo.commit_tree(tree, parents=[main], message="Add a strategy\n\nimport os\n", author=AUTHOR)


def proposed(repo: GitRepo, main: str, trick: Trick | None) -> Candidate:
    """Return the candidate that the range from main to the trick's commit is."""
    return candidate_of_commits(repo, base=main, head=played(repo, main, trick))


def _rewritten(repo: GitRepo, tree: str, entries: Entries) -> str:
    inside = {e.path.rpartition("/")[2]: e for e in repo.ls_tree(tree, HERE)}
    bare = {name: replace(entry, path=name) for name, entry in inside.items()}
    folder = TreeEntry(mode=FOLDER, oid=repo.write_tree(entries(repo, bare)), path=SLUG)
    rivals = [replace(e, path=e.path.partition("/")[2]) for e in repo.ls_tree(tree, "strategies")]
    strategies = repo.write_tree([*(e for e in rivals if e.path != SLUG), folder])
    top = [e for e in repo.ls_tree(tree) if e.path != "strategies"]
    return repo.write_tree([*top, TreeEntry(mode=FOLDER, oid=strategies, path="strategies")])
