"""What a commit would hold of strategies, looked at before it is made: policy, manifest, formatting, secrets.

The index is read, not the work tree: what is staged is what will be judged. It advises alone; `git commit
--no-verify` skips it, and the gate asks the same again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autarch.repo.git import GitRepo
from autarch.repo.objects import EXECUTABLE, REGULAR
from autarch.repo.strategies import strategy_tree
from autarch.sandbox.source_policy import check_source
from ci.candidate import Candidate
from ci.target import candidate_of_tree

FOLDER = "strategies/"
FORMAT_S_MAX = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to cure before committing; `path` is relative to the clone's root."""

    path: str
    what: str


def staged_slugs(repo: GitRepo) -> tuple[str, ...]:
    """Return the strategies that the index changes and still holds, in order."""
    told = repo.run("diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT", "--", FOLDER).stdout
    paths = (path.decode("utf-8", "replace") for path in told.split(b"\0") if path)
    return tuple(sorted({path.split("/")[1] for path in paths if path.count("/") >= 2}))


def problems(repo: GitRepo) -> tuple[Problem, ...]:
    """Return what the staged strategies would be refused for, or would have to be formatted for."""
    slugs = staged_slugs(repo)
    if not slugs:
        return ()
    tree = repo.run("write-tree").stdout.decode("ascii").strip()
    return tuple(found for slug in slugs for found in _of_one(repo, tree, slug))


def _of_one(repo: GitRepo, tree: str, slug: str) -> Iterator[Problem]:
    folder = f"{FOLDER}{slug}"
    own = strategy_tree(repo, tree, slug)
    if own is None:
        yield Problem(path=folder, what="is no folder")
        return
    candidate = candidate_of_tree(repo, slug=slug, tree=own, base=None)
    for text in candidate.problems:
        yield Problem(path=folder, what=text)
    if not candidate.problems:
        yield from _refused(folder, candidate)
    for entry in repo.ls_tree(own):
        if entry.mode not in {REGULAR, EXECUTABLE}:
            continue  # no file: what is wrong with it is among the candidate's problems
        content = repo.cat_blob(entry.oid)
        if entry.path.endswith(".py"):
            yield from _unformatted(f"{folder}/{entry.path}", content, repo.path)
        yield from secrets_in(f"{folder}/{entry.path}", content)


def _refused(folder: str, candidate: Candidate) -> Iterator[Problem]:
    """Yield what the check `policy` would refuse, by what it calls: its own module brings the engine along."""
    if candidate.source is None:
        yield Problem(path=folder, what=candidate.source_problem or "holds no strategy")
        return
    for finding in check_source(candidate.source):
        yield Problem(path=folder, what=str(finding))


def _unformatted(path: str, content: bytes, root: Path) -> Iterator[Problem]:
    command = [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "--stdin-filename", path, "-"]
    answer = subprocess.run(command, input=content, cwd=root, capture_output=True, check=False, timeout=FORMAT_S_MAX)
    if answer.returncode == 1:
        yield Problem(path=path, what="is not formatted; run: ruff format strategies")


def secrets_in(path: str, content: bytes) -> Iterator[Problem]:
    """Yield each line that looks like a key, a token or a password; the secret itself is not repeated."""
    try:
        from detect_secrets.core.scan import scan_file  # noqa: PLC0415  a developer's package
        from detect_secrets.settings import default_settings  # noqa: PLC0415  likewise
    except ImportError:
        return
    with default_settings(), tempfile.TemporaryDirectory(prefix="autarch-staged-") as folder:
        copy = Path(folder) / Path(path).name
        copy.write_bytes(content)
        for found in sorted(scan_file(str(copy)), key=lambda one: (one.line_number, one.type)):
            yield Problem(path=f"{path}:{found.line_number}", what=f"looks like a secret ({found.type}); take it out")
