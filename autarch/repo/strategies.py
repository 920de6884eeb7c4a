"""What a proposal changes, decided by its diff, and strategies read as blobs, never from a checkout."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from autarch.errors import StrategyError, UsageError
from autarch.manifest import SLUG, StrategySource, parse_source
from autarch.repo.git import GitRepo
from autarch.repo.objects import EXECUTABLE, FOLDER, REGULAR, SYMLINK, DiffEntry, TreeEntry

ChangeKind = Literal["strategy", "platform", "mixed", "empty"]

FOLDER_NAME = "strategies"
REQUIRED_FILES = ("manifest.toml", "strategy.py")
BYTES_MAX = {"manifest.toml": 65_536, "strategy.py": 131_072, "README.md": 65_536}
"""The files a strategy may have, and the size of each at most (own choice: ten times what the seeds need)."""
LANDED_BYTES_MAX = 64 << 20
"""Size of a file up to which it is merged on trial (own choice: the memory git may take for it)."""
PROBLEMS_MAX = 20
"""Problems of a folder told at most; a tree may name a million files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What lies between a base and a head. `problems` non-empty: refused, each a sentence with its cure.

    `slug` is the strategy proposed (for a pure removal, the one removed), `retires` the folder
    removed for it, `removal` True when nothing is proposed in its place.
    """

    kind: ChangeKind
    base: str
    head: str
    slug: str | None = None
    retires: str | None = None
    removal: bool = False
    paths: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def list_strategies(repo: GitRepo, commit: str) -> tuple[str, ...]:
    """Return the slugs on `commit`, sorted; folders whose name is no slug are left out."""
    found = (entry.path.partition("/")[2] for entry in repo.ls_tree(commit, FOLDER_NAME) if entry.mode == FOLDER)
    return tuple(sorted(name for name in found if SLUG.match(name)))


def strategy_tree(repo: GitRepo, commit: str, slug: str) -> str | None:
    """Return the git tree id of strategies/<slug> at `commit`, or None when there is none."""
    entry = repo.entry_at(commit, f"{FOLDER_NAME}/{slug}")
    return entry.oid if entry is not None and entry.mode == FOLDER else None


def read_strategy(repo: GitRepo, commit: str, slug: str) -> StrategySource:
    """Return the strategy `slug` as stored at `commit`, its shape checked like a proposal's.

    Raises:
        UsageError: the commit has no such strategy.
        StrategyError: the folder holds something else than regular ASCII files of a strategy, or
            the manifest does not parse.
    """
    entries = repo.ls_tree(commit, f"{FOLDER_NAME}/{slug}")
    if not entries:
        known = ", ".join(list_strategies(repo, commit)) or "none"
        raise UsageError(f"there is no strategy {slug!r} at {commit[:12]}; there are: {known}")
    problems = folder_problems(repo, slug, entries)
    if problems:
        raise StrategyError(" ".join(problems))
    content = {entry.path.rpartition("/")[2]: repo.cat_blob(entry.oid) for entry in entries}
    return parse_source(slug=slug, manifest_bytes=content["manifest.toml"], code=content["strategy.py"])


def classify(repo: GitRepo, *, base: str, head: str) -> Change:
    """Return what `head` changes since it left `base`: the diff between their merge base and `head`.

    What a merge puts on main must be exactly that, so a branch that main has overtaken in the same
    folder, or whose history would carry something else along, has a problem.

    Raises:
        UsageError: the two share no history.
    """
    fork = repo.merge_base(base, head)
    if fork is None:
        raise UsageError(f"{head[:12]} and {base[:12]} share no history; branch from main and commit there")
    diff = repo.diff_tree(fork, head)
    paths = tuple(entry.path for entry in diff)
    inside = [entry for entry in diff if _is_inside(entry.path)]
    if not diff:
        problem = "the branch changes nothing against main; commit something, or close the pull request."
        return Change(kind="empty", base=base, head=head, problems=(problem,))
    if not inside:
        return Change(kind="platform", base=base, head=head, paths=paths, problems=_landing(repo, base, head, diff))
    if len(inside) < len(diff):
        outside = next(entry.path for entry in diff if not _is_inside(entry.path))
        problem = (
            f"the branch changes a strategy and also {outside!r}; a pull request is one or the other: "
            "put the platform change into a pull request of its own."
        )
        return Change(kind="mixed", base=base, head=head, paths=paths, problems=(problem,))
    change = _strategy_change(repo, base, head, inside)
    return dataclasses.replace(change, problems=(*change.problems, *_landing(repo, base, head, diff, change.slug)))


def _landing(
    repo: GitRepo, base: str, head: str, diff: tuple[DiffEntry, ...], slug: str | None = None
) -> tuple[str, ...]:
    """Return why merging `head` into `base` would not put on main exactly what `diff` and `head`'s folder show."""
    cure = "merge main into the branch and push."
    added = [entry for entry in diff if entry.new_mode in {REGULAR, EXECUTABLE, SYMLINK}]
    for entry, size in zip(added, repo.object_sizes([entry.new_oid for entry in added]), strict=True):
        if size > LANDED_BYTES_MAX:  # git reads a file whole that both sides have changed
            return (f"{entry.path!r} has {size} bytes, more than a merge is tried with; keep such files elsewhere.",)
    merged = repo.merge_tree(base, head)
    if merged.tree is None:
        return (f"merging into main conflicts in {', '.join(merged.conflicts[:3])}: {cure}",)
    shown = {entry.path: (entry.new_mode, entry.new_oid) for entry in diff}
    landed = {entry.path: (entry.new_mode, entry.new_oid) for entry in repo.diff_tree(base, merged.tree)}
    odd = sorted(path for path in shown.keys() | landed.keys() if shown.get(path) != landed.get(path))
    if odd:
        return (f"merging would not do to {odd[0]!r} what the branch shows, since main has moved: {cure}",)
    if slug is not None and strategy_tree(repo, merged.tree, slug) != strategy_tree(repo, head, slug):
        return (f"main has changed strategies/{slug} since the branch left it, so a mix would land: {cure}",)
    return ()


def folder_problems(repo: GitRepo, slug: str, entries: tuple[TreeEntry, ...]) -> tuple[str, ...]:
    """Return what keeps the folder strategies/<slug> from being a strategy, each a sentence with its cure."""
    problems = [] if SLUG.match(slug) else [f"folder {slug!r} is no slug; rename it to match [a-z][a-z0-9_]{{2,39}}."]
    names = [entry.path.rpartition("/")[2] for entry in entries]
    problems += [f"strategies/{slug}/{name} is missing; add it." for name in REQUIRED_FILES if name not in names]
    if len(set(names)) != len(names):
        return (*problems, f"strategies/{slug} names a file twice; write the tree with git itself.")
    named = {name: entry.oid for name, entry in zip(names, entries, strict=True) if _is_file_of_ours(name, entry)}
    sizes = dict(zip(named, repo.object_sizes(tuple(named.values())), strict=True)) if named else {}
    for entry, name in zip(entries, names, strict=True):
        where = f"strategies/{slug}/{name}"
        if name in named and sizes[name] <= BYTES_MAX[name]:
            problems += content_problems(repo.cat_blob(entry.oid), where)
        elif name in named:  # its content is never read: a gigabyte of one letter travels as a few kilobytes
            problems.append(f"{where} has {sizes[name]} bytes; at most {BYTES_MAX[name]} are allowed: shorten it.")
        else:
            problems.append(_entry_problem(name, entry, where))
        if len(problems) > PROBLEMS_MAX:
            return (*problems[:PROBLEMS_MAX], f"strategies/{slug} has more problems of this kind.")
    return tuple(problems)


def _is_file_of_ours(name: str, entry: TreeEntry) -> bool:
    return name in BYTES_MAX and entry.mode == REGULAR


def _entry_problem(name: str, entry: TreeEntry, where: str) -> str:
    if name not in BYTES_MAX:
        allowed = ", ".join(BYTES_MAX)
        return f"{where!r} does not belong there; a strategy is {allowed} and nothing else: remove it."
    kind = {"100755": "executable", "120000": "a symbolic link", "160000": "a submodule", FOLDER: "a folder"}
    found = kind.get(entry.mode, f"of mode {entry.mode}")
    return f"{where} is {found}; commit it as a regular file (mode 100644)."


def content_problems(content: bytes, where: str) -> list[str]:
    """Return the sentence that names the first line of `where` which is not ASCII text; nothing where all are."""
    if content.isascii() and b"\0" not in content:
        return []
    line = 1 + content[: _first_odd(content)].count(b"\n")
    return [f"{where}:{line} holds a byte that is not ASCII text; spell it in ASCII."]


def _first_odd(content: bytes) -> int:
    return next(index for index, byte in enumerate(content) if byte == 0 or byte > 127)


def _strategy_change(repo: GitRepo, base: str, head: str, diff: list[DiffEntry]) -> Change:
    own = [entry.path for entry in diff if entry.path.startswith(f"{FOLDER_NAME}/")]
    slugs = sorted({path.split("/")[1] for path in own if path.count("/") >= 2})
    problems = [
        f"{entry.path!r} does not lie in a folder of strategies/ (lower case); move or remove it."
        for entry in diff
        if entry.path not in own or entry.path.count("/") < 2
    ]
    present = [slug for slug in slugs if repo.ls_tree(head, f"{FOLDER_NAME}/{slug}")]
    gone = [slug for slug in slugs if slug not in present]
    slug = next(iter(present or gone), None)
    if len(present) > 1:
        problems.append(f"the branch changes {len(present)} strategies ({', '.join(present)}); propose one at a time.")
    if len(gone) > 1:
        problems.append(f"the branch removes {len(gone)} strategies ({', '.join(gone)}); remove one at a time.")
    problems += _twin_problems(repo, head)
    for name in present:
        problems += folder_problems(repo, name, repo.ls_tree(head, f"{FOLDER_NAME}/{name}"))
    retires = gone[0] if present and gone else None
    if retires is not None and slug is not None and not problems:
        problems += _retire_problems(repo, head, slug, retires)
    return Change(
        kind="strategy",
        base=base,
        head=head,
        slug=slug,
        retires=retires,
        removal=not present and bool(gone),
        paths=tuple(entry.path for entry in diff),
        problems=tuple(problems),
    )


def _retire_problems(repo: GitRepo, head: str, slug: str, retires: str) -> list[str]:
    try:
        named = read_strategy(repo, head, slug).manifest.origin.retires
    except StrategyError:
        return []  # the policy check names what is wrong with the manifest
    if named == retires:
        return []
    return [
        (
            f"the branch removes strategies/{retires}, which strategies/{slug}/manifest.toml does not retire; "
            f'write retires = "{retires}" under [origin], or keep the folder.'
        )
    ]


def _twin_problems(repo: GitRepo, head: str) -> list[str]:
    names = [entry.path.partition("/")[2] for entry in repo.ls_tree(head, FOLDER_NAME)]
    folded: dict[str, str] = {}
    problems = []
    for name in names:
        twin = folded.setdefault(name.casefold(), name)
        if twin != name:
            problems.append(f"strategies/{twin} and strategies/{name} differ only in case; rename one.")
    return problems


def _is_inside(path: str) -> bool:
    return path.partition("/")[0].casefold() == FOLDER_NAME
