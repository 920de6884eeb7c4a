"""From what a user names (a folder, a range of commits, a claim's tree) to a candidate."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import replace
from pathlib import Path

from autarch.errors import StrategyError, UsageError
from autarch.manifest import StrategySource, parse_source
from autarch.repo.git import GitRepo
from autarch.repo.strategies import (
    BYTES_MAX,
    FOLDER_NAME,
    REQUIRED_FILES,
    classify,
    content_problems,
    folder_problems,
    strategy_tree,
)
from ci.candidate import Candidate
from ci.incumbent import incumbent_of
from ci.waiving import waiver_problems

CACHES = ("__pycache__",)
"""What importing a strategy leaves beside it; Git ignores it and so does a folder target."""


def find_root(start: Path) -> Path:
    """Return the root of the clone `start` lies in.

    Raises:
        UsageError: no folder upwards is a clone.
    """
    first = start.resolve()
    for folder in (first, *first.parents):
        if (folder / ".git").exists():
            return folder
    raise UsageError(f"{first} is in no clone of a project; change into one, or name a folder in one")


def candidate_of_commits(repo: GitRepo, *, base: str, head: str) -> Candidate:
    """Return what `head` proposes against `base`, both full commit ids, with bytes from the object store.

    Raises:
        UsageError: the two share no history.
    """
    change = classify(repo, base=base, head=head)
    candidate = Candidate(
        kind=change.kind,
        slug=change.slug,
        source=None,
        problems=change.problems,
        paths=change.paths,
        removal=change.removal,
        base=base,
        head=head,
    )
    if change.kind == "platform":
        return replace(candidate, problems=(*change.problems, *waiver_problems(repo, head, change.paths)))
    if change.kind != "strategy" or change.slug is None or change.problems or change.removal:
        return candidate
    tree = strategy_tree(repo, head, change.slug)
    if tree is None:
        return replace(candidate, problems=(f"strategies/{change.slug} is no folder at {head[:12]}; add it.",))
    return replace(candidate_of_tree(repo, slug=change.slug, tree=tree, base=base), head=head, paths=change.paths)


def candidate_of_tree(repo: GitRepo, *, slug: str, tree: str, base: str | None) -> Candidate:
    """Return the strategy whose folder is the git tree `tree`, as it stands against `base`.

    Raises:
        GitError: the tree or a file of it is not in the object store.
    """
    entries = tuple(replace(entry, path=f"strategies/{slug}/{entry.path}") for entry in repo.ls_tree(tree))
    problems = folder_problems(repo, slug, entries)
    candidate = Candidate(kind="strategy", slug=slug, source=None, problems=problems, base=base, tree=tree)
    if problems:
        return candidate
    content = {entry.path.rpartition("/")[2]: repo.cat_blob(entry.oid) for entry in entries}
    parsed = _parsed(candidate, content)
    if base is None or parsed.source is None:
        return parsed
    return replace(parsed, incumbent=incumbent_of(repo, base, parsed.source))


def candidate_of_folder(folder: Path, *, base: str | None) -> Candidate:
    """Return the strategy in `folder` of a work tree: its regular files, links refused.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir() or folder.is_symlink():
        raise UsageError(f"{folder} is no folder; {_meant(folder)}")
    slug = folder.resolve().name
    names = sorted(path.name for path in folder.iterdir() if path.name not in CACHES)
    problems = [f"{folder}/{name} is missing; add it." for name in REQUIRED_FILES if name not in names]
    content: dict[str, bytes] = {}
    for name in names:
        if name not in BYTES_MAX:
            problems.append(f"{folder}/{name} does not belong there; a strategy is {', '.join(BYTES_MAX)}: remove it.")
            continue
        found = _read_regular(folder / name, BYTES_MAX[name])
        if isinstance(found, str):
            problems.append(found)
        else:
            content[name] = found
    candidate = Candidate(kind="strategy", slug=slug, source=None, problems=tuple(problems), base=base)
    return candidate if problems else _parsed(candidate, content)


def _meant(folder: Path) -> str:
    """Return what whoever mistyped a folder, or left out the one it lies in, should have typed."""
    for beside in (folder.parent, folder.parent / FOLDER_NAME, folder.parent.parent / FOLDER_NAME):
        known = sorted(one.parent.name for one in beside.glob("*/manifest.toml"))
        near = difflib.get_close_matches(folder.name, known, n=1)
        if near:
            return f"did you mean {beside / near[0]}?"
    return "name one such as strategies/ema_trend, or a range main..branch"


def parse_range(target: str) -> tuple[str, str] | None:
    """Return (base, head) names of `base..head`, or None when `target` is no range.

    Raises:
        UsageError: three dots, or a side is missing: the gate must not guess what it compares.
    """
    if ".." not in target:
        return None
    base, _, head = target.partition("..")
    if not base or not head or head.startswith(".") or ".." in head:
        raise UsageError(f"{target!r} is no range; write base..head, such as main..agent/tuner/ema_trend-3")
    return base, head


def resolve(repo: GitRepo, name: str) -> str:
    """Return the commit `name` means here, a branch of the remote `origin` included.

    Raises:
        UsageError: neither exists.
    """
    return repo.resolve(name) or repo.resolve(f"refs/remotes/origin/{name}") or repo.rev_parse(name)


def _parsed(candidate: Candidate, content: dict[str, bytes]) -> Candidate:
    try:
        source: StrategySource = parse_source(
            slug=candidate.slug or "", manifest_bytes=content["manifest.toml"], code=content["strategy.py"]
        )
    except StrategyError as error:
        return replace(candidate, source_problem=str(error))
    return replace(candidate, source=source)


def _read_regular(path: Path, bytes_max: int) -> bytes | str:
    """Return the bytes of a regular ASCII file, or the sentence that says why it may not be one."""
    try:
        # NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        return f"{path} cannot be read as a regular file ({error.strerror}); replace it by one, links are refused."
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # before fdopen, which takes no folder
        os.close(descriptor)
        return f"{path} is no regular file; replace it by one."
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        return f"{path} has more than {bytes_max} bytes; shorten it."
    return next(iter(content_problems(content, str(path))), content)
