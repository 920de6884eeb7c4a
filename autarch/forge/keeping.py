"""Records of the forge as commits of one file: what is kept of pull requests and of issues, and how it is read back."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from autarch.canonical import EpochMs
from autarch.errors import ConfigError
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person

Record = TypeVar("Record", bound=msgspec.Struct)


def keep(  # noqa: PLR0913  a commit's file and text, and where it goes, all named at the call
    repo: GitRepo, ref: str, record: msgspec.Struct, *, file: str, why: str, when_ms: EpochMs, after: str | None
) -> str:
    """Move `ref` from `after` (None: it must not exist) to a commit that holds `record` alone; return the commit.

    Raises:
        StaleRefError: the reference is somewhere else.
    """
    tree = repo.with_files(None, {file: msgspec.json.encode(record)})
    person = Person(name="autarch forge", email="forge@autarch", when_s=when_ms // 1000)
    parents = [] if after is None else [after]
    commit = repo.commit_tree(tree, parents=parents, message=f"{why}\n", author=person)
    repo.update_ref(ref, commit, old=after)
    return commit


def parse(content: bytes, kind: type[Record], *, what: str) -> Record:
    """Return the record in the bytes of its file; `what` says of what, for the error.

    Raises:
        ConfigError: damaged, or written by another version.
    """
    try:
        return msgspec.json.decode(content, type=kind, strict=True)
    except msgspec.DecodeError as error:
        raise ConfigError(f"a stored {what} does not parse: {error}; use the version that wrote it") from error
