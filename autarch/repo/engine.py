"""The engine digest: which code judged. Two runs with one digest must give the same numbers.

In: every .py file of `autarch` and `ci` that can change a decision, a number, a limit's comparison
or the claim's bytes, and requirements.lock, because numpy, TA-Lib and numba compute the numbers.
Out: what only shows, moves, asks for or records a verdict (`autarch/cli`, `autarch/desk`, `autarch/doctor`,
`autarch/forge`, `autarch/notebook.py`, `ci/actions`, `ci/publish*`, `ci/report*`), so that a better web page
does not make every evidence stale. `live` is out because the claim says nothing about it, `ci/policy.toml`
because the claim names it by itself.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path

import autarch
from autarch.canonical import Sha256, canonical_digest, sha256_hex
from autarch.errors import ConfigError
from autarch.repo import objects
from autarch.repo.git import GitRepo

LOCK_NAME = "requirements.lock"
JUDGING = ("autarch/", "ci/")
NOT_JUDGING = (
    *("autarch/cli/", "autarch/desk/", "autarch/doctor/", "autarch/forge/", "autarch/notebook.py"),
    *("ci/actions/", "ci/publish", "ci/report"),
)


def is_judging(path: str) -> bool:
    """Return True when the file at `path`, relative to the project's root, belongs to the engine digest."""
    return path.endswith(".py") and path.startswith(JUDGING) and not path.startswith(NOT_JUDGING)


def running_root() -> Path:
    """Return the folder that holds the `autarch` package this process runs."""
    return Path(autarch.__file__).parent.parent


def engine_digest(root: Path | None = None) -> Sha256:
    """Return the engine digest of the code in `root`, by default of the code this process runs.

    Raises:
        ConfigError: requirements.lock is neither beside the packages nor in the installed wheel.
    """
    top = running_root() if root is None else root
    found = {
        path.relative_to(top).as_posix(): path
        for package in JUDGING
        for path in (top / package).rglob("*.py")
        if path.is_file()
    }
    content = {name: path.read_bytes() for name, path in found.items() if is_judging(name)}
    return _digest(content, read_lock(top))


def engine_digest_at(repo: GitRepo, commit: str) -> Sha256:
    """Return the engine digest of the code stored at `commit`.

    Raises:
        ConfigError: the commit has no requirements.lock.
    """
    lock = repo.blob_at(commit, LOCK_NAME)
    if lock is None:
        raise ConfigError(f"{commit[:12]} has no {LOCK_NAME}; it is no commit of this project")
    entries = [
        entry
        for package in JUDGING
        for entry in repo.ls_tree(commit, package.rstrip("/"), recursive=True)
        if is_judging(entry.path) and entry.mode in {objects.REGULAR, objects.EXECUTABLE}
    ]
    content = repo.read_objects([entry.oid for entry in entries])
    return _digest({entry.path: raw for entry, (_, raw) in zip(entries, content, strict=True)}, lock)


def read_lock(root: Path) -> bytes:
    """Return requirements.lock from `root`, or from the installed wheel's metadata.

    Raises:
        ConfigError: neither has it.
    """
    beside = root / LOCK_NAME
    if beside.is_file():
        return beside.read_bytes()
    for file in _distribution_files():
        if file.name == LOCK_NAME and "extra_metadata" in file.parts:
            return Path(str(file.locate())).read_bytes()
    raise ConfigError(f"{LOCK_NAME} is neither in {root} nor in the installed wheel; reinstall autarch from a clone")


def _distribution_files() -> Iterable[importlib.metadata.PackagePath]:
    try:
        return importlib.metadata.files("autarch") or ()
    except importlib.metadata.PackageNotFoundError:
        return ()


def _digest(content: Mapping[str, bytes], lock: bytes) -> Sha256:
    files = {name: sha256_hex(raw) for name, raw in content.items()}
    return canonical_digest({"files": files, "lock": sha256_hex(lock)})
