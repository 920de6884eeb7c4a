"""Read a whole history in a few processes: every commit with its parents and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autarch.repo import objects
from autarch.repo.git import GitRepo, parse_diff
from autarch.repo.objects import OBJECT_ID, DiffEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One commit; `changes` is its diff against its only parent, everything for a root, empty for a merge."""

    commit: str
    parents: tuple[str, ...]
    changes: tuple[DiffEntry, ...]


def steps(repo: GitRepo, tip: str, *, exclude: str | None = None) -> tuple[Step, ...]:
    """Return `tip` and its ancestors, oldest first, without `exclude` and its ancestors.

    Raises:
        GitError: a commit is not here.
    """
    beyond = [] if exclude is None else [f"^{exclude}"]
    listed = repo.run("rev-list", "--topo-order", "--reverse", "--parents", tip, *beyond, "--").stdout.decode("ascii")
    return _changed(repo, [tuple(line.split(" ")) for line in listed.splitlines()])


def step(repo: GitRepo, commit: str) -> Step:
    """Return one commit; git need not walk any history for it, whatever the dates of its ancestors.

    Raises:
        GitError: it is not here.
    """
    return _changed(repo, [(commit, *repo.read_commit(commit).parents)])[0]


def _changed(repo: GitRepo, lines: Sequence[tuple[str, ...]]) -> tuple[Step, ...]:
    """Return the commits of `lines`, each a commit and its parents, with what they changed."""
    commits = "".join(f"{line[0]}\n" for line in lines).encode("ascii")
    flags = ("-r", "-z", "--raw", "--root", "--no-renames", "--no-abbrev", "--no-ext-diff")
    answer = repo.run("diff-tree", "--stdin", *flags, stdin=commits)
    changes = _by_commit(objects.text(answer.stdout))
    return tuple(Step(commit=line[0], parents=line[1:], changes=changes.get(line[0], ())) for line in lines)


def _by_commit(answer: str) -> dict[str, tuple[DiffEntry, ...]]:
    found: dict[str, list[str]] = {}
    parts: list[str] = []
    fields = iter(answer.split("\0"))
    for field in fields:
        if OBJECT_ID.match(field):
            parts = found.setdefault(field, [])
        elif field:
            parts += [field, next(fields)]
    return {commit: parse_diff(fields) for commit, fields in found.items()}
