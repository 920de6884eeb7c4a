"""Gather what a verdict depends on: policy and data set lock, from a commit or from a work tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from autarch.canonical import Sha256
from autarch.errors import ConfigError, DataError
from autarch.market.lock import read_lock
from autarch.market.lock_types import DatasetLock
from autarch.market.stores import Stores
from autarch.numerics import selftest_digest
from autarch.repo.engine import engine_digest
from autarch.repo.git import GitRepo
from ci.context import GateInputs
from ci.counting import Counted, Told
from ci.neighbours import neighbours_at
from ci.policy import DEFAULT_PATH, Policy, parse_policy, preset_of
from ci.waiving import waivers_at, waivers_in_worktree

LOCK_FOLDER = "ci/datasets"

Reader = Callable[[str], bytes | None]
"""Path relative to the project's root -> its bytes, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the caller chooses; None for a data set means the policy's first."""

    stores: Stores
    policy_path: str = DEFAULT_PATH
    dataset: str | None = None
    allow_weak: bool = False


def inputs_at_commit(repo: GitRepo, commit: str, choice: Choice, *, counted: Counted | None = None) -> GateInputs:
    """Return the inputs as `commit` (main, as judged against) states them, whatever the work tree holds.

    Args:
        repo: Holds the commit.
        commit: Full id.
        choice: What the caller chooses.
        counted: The ledger, as far as it counts; None: nothing was counted.

    Raises:
        ConfigError: the policy is missing or malformed.
        DataError: the lock is missing or malformed.
    """
    return counted_in(inputs_with_platform(repo, commit, commit, choice), counted or Counted())


def inputs_with_platform(repo: GitRepo, commit: str, platform: str, choice: Choice) -> GateInputs:
    """Return the inputs as `commit` states them, but policy and data set lock as the commit or tree `platform` does.

    Raises:
        ConfigError, DataError: as `inputs_at_commit`.
    """
    inputs = _inputs(lambda path: repo.blob_at(platform, path), choice, where=platform[:12])
    return replace(inputs, waivers=waivers_at(repo, commit), neighbours=neighbours_at(repo, commit))


def inputs_in_worktree(root: Path, choice: Choice) -> GateInputs:
    """Return the inputs as the files under `root` state them, for a folder that is not in the ledger.

    Raises:
        ConfigError, DataError: as `inputs_at_commit`.
    """
    head = GitRepo(root).resolve("HEAD")
    inputs = _inputs(lambda path: _file(root / path), choice, where=str(root))
    if head is None:
        return inputs
    repo = GitRepo(root)
    return replace(inputs, waivers=waivers_in_worktree(root, repo, head), neighbours=neighbours_at(repo, head))


def counted_in(inputs: GateInputs, counted: Counted, *, tree: str | None = None, base: str | None = None) -> GateInputs:
    """Return `inputs` with what the ledger says: its head, the trials, how late it is for waivers, and of a candidate.

    Args:
        inputs: What is added to.
        counted: The ledger.
        tree: The candidate's; None: nothing is told of it.
        base: What it is judged on.
    """
    return told_in(inputs, counted, counted.told(tree=tree, base=base, dataset=inputs.lock.name))


def told_in(inputs: GateInputs, counted: Counted, told: Told) -> GateInputs:
    """Return `inputs` with what a ledger counts and tells."""
    return replace(
        inputs,
        ledger=counted.head,
        trials=counted.trials,
        waivers=inputs.waivers.held_against(counted.newest_ms),
        lane=told.lane,
        look=told.look,
        tried=told.tried,
        variance=told.variance,
    )


def relative_policy(root: Path, given: str) -> str:
    """Return the policy's path relative to the project's root.

    Args:
        root: The clone.
        given: A path relative to it, or absolute inside it.

    Raises:
        ConfigError: it is outside, where `verify` could not find it again.
    """
    try:
        return (root / given).resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise ConfigError(f"policy {given} is outside the project {root}; commit it inside, under ci/") from error


def policy_from(read: Reader, path: str, *, where: str) -> Policy:
    """Return the policy at `path`.

    Raises:
        ConfigError: missing or malformed.
    """
    content = read(path)
    if content is None:
        raise ConfigError(f"there is no policy {path} in {where}; the default is {DEFAULT_PATH}")
    return parse_policy(content, path=path)


def lock_from(read: Reader, name: str, *, where: str) -> DatasetLock:
    """Return the lock of the data set `name`.

    Raises:
        DataError: missing, malformed, or another data set's.
    """
    content = read(f"{LOCK_FOLDER}/{name}.toml")
    if content is None:
        raise DataError(
            f"there is no {LOCK_FOLDER}/{name}.toml in {where}; `autarch data ls` shows what exists, "
            "`autarch data synth` and `autarch data import` make one (commit it)"
        )
    lock = read_lock(content)
    if lock.name != name:
        raise DataError(f"{LOCK_FOLDER}/{name}.toml in {where} holds the lock of {lock.name!r}; rename one of them")
    return lock


def _inputs(read: Reader, choice: Choice, *, where: str) -> GateInputs:
    policy = policy_from(read, choice.policy_path, where=where)
    name = choice.dataset or policy.data.datasets[0]
    return GateInputs(
        policy=policy,
        lock=lock_from(read, name, where=where),
        stores=choice.stores,
        engine=engine_digest(),
        numerics=Sha256(selftest_digest()),
        allow_weak=choice.allow_weak,
        preset=preset_of(policy, read),
    )


def _file(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
