"""A repository by plumbing: objects in, objects out, no work tree, no index, every byte hash-checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import UsageError
from autarch.repo import objects
from autarch.repo.growing import grow
from autarch.repo.objects import FOLDER, Commit, DiffEntry, Person, Tag, TreeEntry
from autarch.repo.pushing import push_refs
from autarch.repo.runner import Answer, GitError, PushRefusedError, Remote, Runner, StaleRefError
from autarch.repo.store import ObjectStore

__all__ = ["GitError", "GitRepo", "MergeTree", "PushRefusedError", "Remote", "StaleRefError"]

TREE_DEPTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTree:
    """What merging two commits gives: a tree, or the paths that conflict."""

    tree: str | None
    conflicts: tuple[str, ...] = ()


class GitRepo:
    """One repository on this host, bare or with a work tree, which is never touched."""

    def __init__(self, path: Path | str, *, quarantine: Mapping[str, str] | None = None) -> None:
        """Open the repository at `path`.

        Args:
            path: A bare repository, or a work tree's root.
            quarantine: The variables git gave a pre-receive hook, so that pushed objects are in view.
        """
        self.path = Path(path)
        self._runner = Runner(self.path, quarantine or {})
        self._store = ObjectStore(self._runner)

    def __repr__(self) -> str:
        return f"GitRepo({str(self.path)!r})"

    def run(self, *arguments: str, stdin: bytes = b"", check: bool = True) -> Answer:
        """Run one git command here; see `Runner.run`."""
        return self._runner.run(*arguments, stdin=stdin, check=check)

    # Names and history

    def rev_parse(self, name: str) -> str:
        """Return the commit `name` means (a branch, a tag, an abbreviated id).

        Raises:
            UsageError: nothing here has that name, or it is no commit.
        """
        found = self.resolve(name)
        if found is None:
            raise UsageError(f"{name!r} names no commit in {self.path}; list branches with: git branch --all")
        return found

    def resolve(self, name: str) -> str | None:
        """Return the commit `name` means, or None."""
        return self._verify(f"{name}^{{commit}}", name)

    def read_ref(self, ref: str) -> str | None:
        """Return the object the full name `ref` (`refs/...`) points at, a tag object unpeeled, or None."""
        return self._verify(ref, ref)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Return True when `new` descends from `old` or is `old`; an unknown commit is an error.

        Raises:
            GitError: one of them is not here.
        """
        answer = self.run("merge-base", "--is-ancestor", old, new, check=False)
        if answer.code not in {0, 1}:
            raise GitError(f"cannot compare {old[:12]} with {new[:12]} in {self.path}: {answer.stderr.strip()}")
        return answer.code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor, or None when the histories share nothing."""
        answer = self.run("merge-base", one, other, check=False)
        if answer.code not in {0, 1}:
            raise GitError(f"cannot compare {one[:12]} with {other[:12]} in {self.path}: {answer.stderr.strip()}")
        return answer.stdout.decode("ascii").split("\n")[0] if answer.code == 0 else None

    def first_parent_contains(self, tip: str, commit: str) -> bool:
        """Return True when `commit` is one of the commits `tip` went through itself, not by a merged branch."""
        if not self.is_ancestor(commit, tip):
            return False
        between = self.commits(tip, exclude=commit, first_parent=True)
        return tip == commit or commit in self.read_commit(between[-1]).parents[:1]

    def commits(self, tip: str, *, exclude: str | None = None, first_parent: bool = False) -> tuple[str, ...]:
        """Return `tip` and its ancestors, newest first, without `exclude` and its ancestors."""
        arguments = ["rev-list", "--topo-order", *(["--first-parent"] if first_parent else []), tip]
        if exclude is not None:
            arguments.append(f"^{exclude}")
        return tuple(self.run(*arguments, "--").stdout.decode("ascii").split())

    def refs(self, prefix: str) -> dict[str, str]:
        """Return every reference under `prefix` (`refs/heads/`) with what it points at, sorted by name."""
        answer = self.run("for-each-ref", "--sort=refname", "--format=%(objectname) %(refname)", prefix)
        rows = (line.split(" ", 1) for line in objects.text(answer.stdout).splitlines())
        return {name: oid for oid, name in rows}

    # Objects

    def read_objects(self, oids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return (kind, bytes) of every object, in order, each checked against its own name.

        Raises:
            GitError: one is missing, or its bytes do not have that name: the repository is damaged.
        """
        return self._store.read(oids)

    def object_sizes(self, oids: Sequence[str]) -> list[int]:
        """Return the size of every object in bytes, in order, without reading its content.

        Raises:
            GitError: one is missing.
        """
        return self._store.sizes(oids)

    def cat_blob(self, oid: str) -> bytes:
        """Return the exact bytes of a blob.

        Raises:
            GitError: missing, damaged or no blob.
        """
        return self._read(oid, "blob")

    def read_commit(self, oid: str) -> Commit:
        """Return the commit `oid`.

        Raises:
            GitError: missing, damaged or no commit.
        """
        return objects.parse_commit(oid, self._read(oid, "commit"))

    def read_tag(self, oid: str) -> Tag:
        """Return the annotated tag object `oid`, as `read_ref("refs/tags/...")` names it.

        Raises:
            GitError: missing, damaged or no tag object: a lightweight tag points at a commit.
        """
        return objects.parse_tag(oid, self._read(oid, "tag"))

    def tag_bytes(self, oid: str) -> bytes:
        """Return the exact bytes of a tag object: what its signature covers, and the signature."""
        return self._read(oid, "tag")

    def kind_of(self, oid: str) -> str:
        """Return blob, tree, commit or tag.

        Raises:
            GitError: no such object.
        """
        return self.run("cat-file", "-t", oid).stdout.decode("ascii").strip()

    def tree_of(self, commit: str) -> str:
        """Return the tree id of a commit."""
        return self.read_commit(commit).tree

    def ls_tree(self, tree: str, folder: str = "", *, recursive: bool = False) -> tuple[TreeEntry, ...]:
        """Return what a commit or tree holds under `folder`, paths whole; empty when there is no such folder.

        Modes and names are exact as stored, even names no work tree could hold; `recursive` lists
        files (and links, and submodules) instead of folders.

        Raises:
            GitError: an object is missing or damaged, or folders nest deeper than `TREE_DEPTH_MAX`.
        """
        top = self._tree_at(tree, folder)
        if top is None:
            return ()
        prefix = f"{folder}/" if folder else ""
        level = [dataclasses.replace(entry, path=prefix + entry.path) for entry in self._trees([top])[0]]
        if not recursive:
            return tuple(level)
        files: list[TreeEntry] = []
        for _ in range(TREE_DEPTH_MAX):
            files.extend(entry for entry in level if entry.mode != FOLDER)
            folders = [entry for entry in level if entry.mode == FOLDER]
            if not folders:
                return tuple(sorted(files, key=lambda entry: objects.raw(entry.path)))
            level = [
                dataclasses.replace(entry, path=f"{parent.path}/{entry.path}")
                for parent, entries in zip(folders, self._trees([f.oid for f in folders]), strict=True)
                for entry in entries
            ]
        raise GitError(f"tree {tree[:12]} nests more than {TREE_DEPTH_MAX} folders deep; no project of ours does")

    def entry_at(self, tree: str, path: str) -> TreeEntry | None:
        """Return the entry at `path` in a commit or tree, or None."""
        folder, _, name = path.rpartition("/")
        found = [entry for entry in self.ls_tree(tree, folder) if entry.path == path and name]
        if len(found) > 1:
            raise GitError(f"tree {tree[:12]} names {path!r} twice; the repository is damaged")
        return found[0] if found else None

    def blob_at(self, tree: str, path: str) -> bytes | None:
        """Return the bytes of the regular file at `path` in a commit or tree, or None; links are None."""
        entry = self.entry_at(tree, path)
        if entry is None or entry.mode not in {objects.REGULAR, objects.EXECUTABLE}:
            return None
        return self.cat_blob(entry.oid)

    def diff_tree(self, old: str, new: str, paths: Iterable[str] = ()) -> tuple[DiffEntry, ...]:
        """Return the files that differ between two commits or trees; a rename is a deletion and an addition."""
        answer = self.run(
            "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", old, new, "--", *paths
        )
        return parse_diff(objects.text(answer.stdout).split("\0")[:-1])

    # Writing

    def write_blob(self, content: bytes) -> str:
        """Store a blob and return its id."""
        return self._word("hash-object", "-w", "--no-filters", "--stdin", stdin=content)

    def write_tree(self, entries: Iterable[TreeEntry]) -> str:
        """Store one tree of single names and return its id."""
        content = objects.format_tree(entries)
        return self._word("hash-object", "-w", "-t", "tree", "--stdin", stdin=content)

    def write_tag_object(self, content: bytes) -> str:
        """Store a tag object given as bytes and return its id; git refuses a malformed one."""
        return self._word("hash-object", "-w", "-t", "tag", "--stdin", stdin=content)

    def with_files(self, tree: str | None, changes: Mapping[str, bytes | None]) -> str:
        """Return the tree that `tree` becomes when `changes` (path: bytes, or None to remove) are applied.

        Files are regular ones; a folder left empty goes.
        """
        return grow(self._store, tree, changes)

    def commit_tree(
        self, tree: str, *, parents: Sequence[str], message: str, author: Person, committer: Person | None = None
    ) -> str:
        """Store a commit and return its id; nothing about it comes from this host's settings or clock."""
        by = committer or author
        environment = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": f"@{author.when_s} +0000",
            "GIT_COMMITTER_NAME": by.name,
            "GIT_COMMITTER_EMAIL": by.email,
            "GIT_COMMITTER_DATE": f"@{by.when_s} +0000",
        }
        flags = [flag for parent in parents for flag in ("-p", parent)]
        arguments = ("commit-tree", tree, *flags, "--no-gpg-sign", "-F", "-")
        answer = self._runner.run(*arguments, stdin=objects.raw(message), environment=environment)
        return answer.stdout.decode("ascii").strip()

    def merge_tree(self, ours: str, theirs: str) -> MergeTree:
        """Return what merging `theirs` into `ours` gives, without a work tree.

        Raises:
            GitError: git failed for another reason than a conflict.
        """
        answer = self.run("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", ours, theirs, check=False)
        # A commit that is not here gives 1 like a conflict, but no tree.
        if answer.code not in {0, 1} or not answer.stdout:
            raise GitError(f"cannot merge {theirs[:12]} into {ours[:12]}: {answer.stderr.strip()}")
        tree, *conflicts = objects.text(answer.stdout).rstrip("\0\n").split("\0")
        if answer.code == 0:
            return MergeTree(tree=tree.strip())
        return MergeTree(tree=None, conflicts=tuple(path for path in conflicts if path))

    def update_ref(self, ref: str, new: str | None, *, old: str | None) -> None:
        """Move `ref` from exactly `old` (None: it must not exist) to `new` (None: delete it).

        Raises:
            StaleRefError: it is somewhere else.
        """
        arguments = ("-d", ref, old or "") if new is None else (ref, new, old or "0" * len(new))
        answer = self.run("update-ref", "--no-deref", *arguments, check=False)
        if answer.code == 0:
            return
        if self.read_ref(ref) != old:
            raise StaleRefError(
                f"{ref} is at {self.read_ref(ref)}, not at {old}; somebody else wrote first: read it again"
            )
        raise GitError(f"cannot move {ref} in {self.path}: {answer.stderr.strip()}")

    # Other repositories

    def fetch(self, remote: Remote, refspecs: Sequence[str]) -> None:
        """Fetch `refspecs` (`+refs/heads/x:refs/remotes/y`) from `remote`; no tags are followed.

        Raises:
            GitError: unreachable, not allowed, or a reference does not exist there.
        """
        arguments = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", remote.url)
        self._runner.run(*arguments, *refspecs, environment=remote.environment())

    def ls_remote(self, remote: Remote, *patterns: str) -> dict[str, str]:
        """Return the references of `remote` that match `patterns`."""
        arguments = ("ls-remote", "--quiet", "--refs", remote.url, *patterns)
        answer = self._runner.run(*arguments, environment=remote.environment())
        rows = (line.split("\t", 1) for line in objects.text(answer.stdout).splitlines())
        return {name: oid for oid, name in rows}

    def push(
        self, remote: Remote, moves: Mapping[str, str | None], *, leases: Mapping[str, str | None] | None = None
    ) -> None:
        """Point references of `remote` at objects of ours, all or none.

        Args:
            remote: Where to.
            moves: Full reference name -> object id, or None to delete it.
            leases: Full reference name -> where it must be now (None: nowhere). A name without a
                lease must only move forward.

        Raises:
            StaleRefError: a reference is not where its lease, or a plain push, expects it.
            PushRefusedError: the other side's rules said no; the text is theirs.
            GitError: unreachable or not allowed.
        """
        push_refs(self._runner, remote, moves, leases or {})

    # Inside

    def _verify(self, spec: str, name: str) -> str | None:
        if not name or name.startswith("-") or "\0" in name:
            return None
        answer = self.run("rev-parse", "--quiet", "--verify", "--end-of-options", spec, check=False)
        return answer.stdout.decode("ascii").strip() if answer.code == 0 else None

    def _word(self, *arguments: str, stdin: bytes) -> str:
        return self.run(*arguments, stdin=stdin).stdout.decode("ascii").strip()

    def _read(self, oid: str, kind: str) -> bytes:
        found, content = self.read_objects([oid])[0]
        if found != kind:
            raise GitError(f"{oid[:12]} in {self.path} is a {found}; expected a {kind}")
        return content

    def _trees(self, oids: Sequence[str]) -> list[tuple[TreeEntry, ...]]:
        found = self.read_objects(oids)
        for (kind, _), oid in zip(found, oids, strict=True):
            if kind != "tree":
                raise GitError(f"{oid[:12]} in {self.path} is a {kind}; expected a tree")
        return [
            objects.parse_tree(content, oid_bytes=len(oid) // 2) for (_, content), oid in zip(found, oids, strict=True)
        ]

    def _tree_at(self, tree: str, folder: str) -> str | None:
        kind, content = self.read_objects([tree])[0]
        at = objects.parse_commit(tree, content).tree if kind == "commit" else tree
        for name in folder.split("/") if folder else ():
            found = [entry for entry in self._trees([at])[0] if entry.path == name and entry.mode == FOLDER]
            if len(found) != 1:
                return None
            at = found[0].oid
        return at


def parse_diff(fields: Sequence[str]) -> tuple[DiffEntry, ...]:
    """Return the entries of a raw diff, given its fields in turn: header, path, header, path."""
    return tuple(_diff_entry(header, path) for header, path in zip(fields[::2], fields[1::2], strict=True))


def _diff_entry(header: str, path: str) -> DiffEntry:
    old_mode, new_mode, old_oid, new_oid, status = header.lstrip(":").split(" ")
    return DiffEntry(
        status=status[0], path=path, old_mode=old_mode, new_mode=new_mode, old_oid=old_oid, new_oid=new_oid
    )
