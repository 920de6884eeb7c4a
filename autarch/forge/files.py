"""What a pull request changes, for eyes: paths with counts, and the diff as text."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from autarch.forge.pulls import PullRecord
from autarch.forge.wire import PullFile
from autarch.repo import objects
from autarch.repo.git import GitRepo
from autarch.repo.runner import GitError

FILES_MAX = 3000  # GitHub's
DIFF_BYTES_MAX = 400_000
_STATUSES = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}


def changed_files(repo: GitRepo, record: PullRecord, *, main: str) -> tuple[PullFile, ...]:
    """Return the paths the head changes since it left main, at most `FILES_MAX`; renames are two entries."""
    return _between(repo.path, _fork(repo, record, main), record.head)


@lru_cache(maxsize=64)
def _between(path: Path, fork: str, head: str) -> tuple[PullFile, ...]:
    """Return the paths between two commits, which never change; a list of thousands is asked for page by page."""
    repo = GitRepo(path)
    counts = _counts(repo, fork, head)
    found = []
    for entry in repo.diff_tree(fork, head)[:FILES_MAX]:
        added, removed = counts.get(entry.path, (0, 0))
        found.append(
            PullFile(
                path=objects.raw(entry.path).decode("utf-8", "replace"),
                previous_path=None,
                status=_STATUSES.get(entry.status, "changed"),
                additions=added,
                deletions=removed,
            )
        )
    return tuple(found)


def diff_text(repo: GitRepo, record: PullRecord, *, main: str) -> str:
    """Return the unified diff, cut at `DIFF_BYTES_MAX`, undecodable bytes replaced."""
    answer = repo.run(
        "diff-tree",
        "-r",
        "-p",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        _fork(repo, record, main),
        record.head,
    )
    text = answer.stdout[:DIFF_BYTES_MAX].decode("utf-8", "replace")
    return text if len(answer.stdout) <= DIFF_BYTES_MAX else f"{text}\n(cut: the diff has {len(answer.stdout)} bytes)\n"


def _fork(repo: GitRepo, record: PullRecord, main: str) -> str:
    against = repo.read_commit(record.merge_commit).parents[0] if record.merge_commit is not None else main
    fork = repo.merge_base(against, record.head)
    if fork is None:
        raise GitError(f"pull request {record.number} shares no history with main; close it")
    return fork


def _counts(repo: GitRepo, old: str, new: str) -> dict[str, tuple[int, int]]:
    answer = repo.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", "--no-ext-diff", "--no-textconv", old, new)
    counts: dict[str, tuple[int, int]] = {}
    for line in objects.text(answer.stdout).split("\0"):
        added, _, rest = line.partition("\t")
        removed, _, path = rest.partition("\t")
        if path:
            counts[path] = (_count(added), _count(removed))
    return counts


def _count(written: str) -> int:
    return int(written) if written.isdigit() else 0  # binary files have "-"
