"""Main's code, written from the object store and run in a process of its own.

A checkout could be edited, an archive rewrites files that ask for it (export-subst), so blobs are
written and what lies on disk is hashed back to the tree's id. Files carry one fixed modification
time and compiled code, so that caches keyed by path, size and time stay warm between runs.

Only what runs is written (`RUNS` without `KEPT_OUT`): strategies and signers are read as blobs where they
are needed, so merging one leaves the path of the code, and every cache keyed by it, as it was.
"""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autarch.errors import UndecidedError
from autarch.paths import cache_root, private_directory
from autarch.repo import objects
from autarch.repo.engine import LOCK_NAME, running_root
from autarch.repo.environment import environment_problems
from autarch.repo.git import GitError, GitRepo
from autarch.repo.objects import EXECUTABLE, FOLDER, REGULAR, TreeEntry

__all__ = ["RUNS", "ensure_trusted", "environment_problems", "hash_tree", "write_tree_from"]

RUNS = ("autarch", "ci", "agents", "live", LOCK_NAME)
"""What of a commit is written: its packages, with policies and data set locks, and its lock."""

KEPT_OUT = ("ci/signers",)
"""Folders inside `RUNS` that no code reads from its own tree: who may sign is read from main's commit."""

FIXED_MTIME_S = 946_684_800  # 2000-01-01: any constant that zip and git accept
_COMPILED = "__pycache__"
_EXEC_GUARD = "AUTARCH_TRUSTED_EXEC"


def write_tree_from(repo: GitRepo, commit: str) -> Path:
    """Return a folder with exactly what runs of `commit`, under <cache>/trees/<git tree id of just that>.

    One that exists is hashed again and, if it differs by a byte, a name or a mode, replaced; compiled
    code is not hashed, since the cache is private to its owner. Links and submodules are refused: a
    link could point out of the tree.

    Raises:
        GitError: an object is missing or damaged, or the tree holds a link, a submodule or a name
            that no plain folder can have.
    """
    top = [_kept(repo, commit, entry) for entry in repo.ls_tree(repo.tree_of(commit)) if entry.path in RUNS]
    tree = objects.object_id("tree", objects.format_tree(top), like=commit)
    trees = private_directory(private_directory(cache_root()) / "trees")
    target = trees / tree
    if target.is_dir():
        if _is_whole(target):
            return target
        _set_aside(target)
    entries = [entry for entry in top if entry.mode != FOLDER]
    for folder in top:
        if folder.mode == FOLDER:
            entries += filter(_is_kept, repo.ls_tree(commit, folder.path, recursive=True))
    _refuse_odd(entries, tree)
    building = Path(tempfile.mkdtemp(prefix=f".{tree[:12]}-", dir=trees))
    try:
        _write_files(repo, entries, building)
        if hash_tree(building, like=tree) != tree:
            raise GitError(f"what was written to {building} is not tree {tree}; check the disk under {trees}")
        compileall.compile_dir(building, quiet=2, workers=1, stripdir=str(building), prependdir=str(target))
        _publish(building, target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target


def hash_tree(folder: Path, *, like: str = "") -> str:
    """Return the git tree id of what lies in `folder`, compiled code left out.

    Raises:
        GitError: something in it is neither a folder nor a regular file.
    """
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            if item.is_dir(follow_symlinks=False):
                if item.name == _COMPILED:
                    continue
                entries.append(TreeEntry(mode=FOLDER, oid=hash_tree(Path(item.path), like=like), path=item.name))
            elif item.is_file(follow_symlinks=False):
                mode = EXECUTABLE if item.stat().st_mode & 0o100 else REGULAR
                oid = objects.object_id("blob", Path(item.path).read_bytes(), like=like)
                entries.append(TreeEntry(mode=mode, oid=oid, path=item.name))
            else:
                raise GitError(f"{item.path} is neither a file nor a folder; remove {folder} and run again")
    return objects.object_id("tree", objects.format_tree(entries), like=like)


def ensure_trusted(repo: GitRepo, commit: str, argv: Sequence[str]) -> None:
    """Return when this process runs the code of `commit`; else become `autarch *argv` running it.

    exec keeps the process id and the descriptors, so a caller waiting for us waits for the trusted one.

    Raises:
        UndecidedError: the installed distributions are not those of the commit's lock, or the code
            that runs after the exec is still another.
        GitError: the tree cannot be written.
    """
    root = write_tree_from(repo, commit)
    problems = environment_problems((root / LOCK_NAME).read_bytes())
    if problems:
        raise UndecidedError(f"cannot run the code of {commit[:12]} here: {' '.join(problems)}")
    if running_root() == root:
        return
    guard = f"{os.getpid()} {root}"
    if os.environ.get(_EXEC_GUARD) == guard:
        raise UndecidedError(
            f"re-executed to run the code in {root}, and {running_root()} runs; remove what puts it first on sys.path"
        )
    # PYTHON* could put other code first, GIT_* name another repository. The hash seed is part of the
    # numeric pin, and a process that is pinned already must stay so through our exec.
    dropped = ("PYTHON", "GIT_")
    kept = {key: value for key, value in os.environ.items() if key == "PYTHONHASHSEED" or not key.startswith(dropped)}
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "autarch", *argv]
    os.execve(sys.executable, command, {**kept, "PYTHONPATH": str(root), _EXEC_GUARD: guard})  # noqa: S606  becoming it is the point


def _kept(repo: GitRepo, commit: str, entry: TreeEntry) -> TreeEntry:
    """Return `entry`, a folder of a commit's root, named by what is left of it without `KEPT_OUT`."""
    if entry.mode != FOLDER or not any(folder.startswith(f"{entry.path}/") for folder in KEPT_OUT):
        return entry
    left = [e for e in repo.ls_tree(commit, entry.path) if e.mode != FOLDER or e.path not in KEPT_OUT]
    named = [replace(e, path=e.path.removeprefix(f"{entry.path}/")) for e in left]
    return replace(entry, oid=objects.object_id("tree", objects.format_tree(named), like=commit))


def _is_kept(entry: TreeEntry) -> bool:
    return not any(entry.path.startswith(f"{folder}/") for folder in KEPT_OUT)


def _refuse_odd(entries: Sequence[TreeEntry], tree: str) -> None:
    for entry in entries:
        parts = entry.path.split("/")
        if entry.mode not in {REGULAR, EXECUTABLE}:
            raise GitError(
                f"tree {tree[:12]} holds {entry.path!r} of mode {entry.mode}; only regular files are written"
            )
        if any(part in {"", ".", "..", ".git", _COMPILED} or "\0" in part for part in parts):
            raise GitError(f"tree {tree[:12]} holds {entry.path!r}, a name that no folder of ours may have")


def _write_files(repo: GitRepo, entries: Sequence[TreeEntry], folder: Path) -> None:
    content = repo.read_objects([entry.oid for entry in entries])
    for entry, (_, raw) in zip(entries, content, strict=True):
        file = folder / entry.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
        file.chmod(0o755 if entry.mode == EXECUTABLE else 0o644)
        os.utime(file, (FIXED_MTIME_S, FIXED_MTIME_S))


def _publish(building: Path, target: Path) -> None:
    try:
        building.rename(target)
    except OSError:
        # Another process was quicker; its tree is as good once it hashes to the same id.
        if not target.is_dir() or not _is_whole(target):
            raise


def _is_whole(target: Path) -> bool:
    try:
        return hash_tree(target, like=target.name) == target.name
    except GitError:
        return False


def _set_aside(target: Path) -> None:
    doomed = Path(tempfile.mkdtemp(prefix=".damaged-", dir=target.parent))
    target.rename(doomed / target.name)
    shutil.rmtree(doomed, ignore_errors=True)
