"""The family tree of strategies, from Git alone: who descends from whom, what each merge changed, what is gone."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from autarch.canonical import parse_toml
from autarch.manifest import SLUG
from autarch.repo.git import GitRepo

MERGES_MAX: Final = 2_000
MANIFEST_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One commit on main's first-parent line that changed a strategy."""

    commit: str
    time_s: int
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One strategy: its parent's slug (empty: none), its children in the tree, its versions newest first."""

    slug: str
    parent: str
    on_main: bool
    depth: int
    versions: tuple[Version, ...]


def family(repo: GitRepo, main: str) -> tuple[Member, ...]:
    """Return every strategy main ever held, each after its parent, as a tree is read."""
    versions = parse_log(_log(repo, main))
    parents = _parents(repo, main)
    gone = {slug: parents.get(slug, "") for slug in versions}
    return ordered({**gone, **parents}, versions, on_main=frozenset(parents))


def ordered(
    parents: Mapping[str, str], versions: Mapping[str, tuple[Version, ...]], *, on_main: frozenset[str]
) -> tuple[Member, ...]:
    """Return the members as a tree is read; a parent nobody knows, or a circle, makes a root."""
    children: dict[str, list[str]] = {}
    for slug in sorted(parents):
        known = parents[slug] in parents and parents[slug] != slug and not _is_above(slug, parents[slug], parents)
        children.setdefault(parents[slug] if known else "", []).append(slug)
    found: list[Member] = []
    stack = [(slug, 0) for slug in reversed(children.get("", []))]
    while stack:
        slug, depth = stack.pop()
        parent = parents[slug]
        found.append(
            Member(slug=slug, parent=parent, on_main=slug in on_main, depth=depth, versions=versions.get(slug, ()))
        )
        stack += [(child, depth + 1) for child in reversed(children.get(slug, []))]
    return tuple(found)


def parse_log(text: str) -> dict[str, tuple[Version, ...]]:
    """Return the versions of each slug in a log of NUL-led lines `commit time subject` followed by paths."""
    found: dict[str, list[Version]] = {}
    for entry in text.split("\0")[1:]:
        head, *paths = entry.splitlines()
        commit, time_s, subject = head.split("\t", 2)
        version = Version(commit=commit, time_s=int(time_s), subject=subject)
        for slug in dict.fromkeys(_slugs(paths)):
            found.setdefault(slug, []).append(version)
    return {slug: tuple(versions) for slug, versions in found.items()}


def _slugs(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        parts = path.split("/")
        if len(parts) == 3 and parts[0] == "strategies" and SLUG.match(parts[1]):
            yield parts[1]


def _is_above(slug: str, parent: str, parents: Mapping[str, str]) -> bool:
    """Return whether `slug` is among the ancestors of `parent`, so that it cannot be its child; circles end."""
    seen = set()
    while parent in parents and parent not in seen:
        if parent == slug:
            return True
        seen.add(parent)
        parent = parents[parent]
    return False


def _log(repo: GitRepo, main: str) -> str:
    answer = repo.run(
        "log", "--first-parent", "-m", "--name-only", f"--max-count={MERGES_MAX}", "--format=%x00%H%x09%ct%x09%s",
        main, "--", "strategies",
    )  # fmt: skip
    return answer.stdout.decode("utf-8", "replace")


def _parents(repo: GitRepo, main: str) -> dict[str, str]:
    found = {}
    for entry in repo.ls_tree(main, "strategies", recursive=True):
        parts = entry.path.split("/")
        if len(parts) == 3 and parts[2] == "manifest.toml" and SLUG.match(parts[1]):
            found[parts[1]] = _parent_in(repo.cat_blob(entry.oid)[:MANIFEST_BYTES_MAX])
    return found


def _parent_in(manifest: bytes) -> str:
    try:
        origin = parse_toml(manifest).get("origin")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return ""
    parent = origin.get("parent", "") if isinstance(origin, dict) else ""
    return str(parent).partition("@")[0]
