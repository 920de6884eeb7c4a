"""What an agent's job hands to the job that may open pull requests: one strategy's files and the words around them.

The agent's machine ran whatever a model wrote, so all of it is hostile: names, sizes and bytes are checked against
what a strategy may be before a token that can push is anywhere near.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from autarch.errors import RefusedError
from autarch.repo.git import GitRepo
from autarch.repo.strategies import BYTES_MAX, classify
from autarch.sandbox.failure import printable
from ci.actions.artifact import read_only_file

PATCH_NAME = "patch.msgpack"
PATCH_BYTES_MAX = 16 * 1024 * 1024
STUDY_BYTES_MAX = 8_000_000

Line = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]*\Z")]


class Patch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One proposal. `files` are those of strategies/<slug>; `trailers` of its commit, in order."""

    schema: Literal[1]
    agent: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,30}\Z")]
    slug: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{2,39}\Z")]
    base: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z")]
    files: Annotated[dict[str, bytes], Meta(min_length=1, max_length=3)]
    title: Title
    body: Annotated[str, Meta(max_length=20_000)]
    trailers: Annotated[tuple[tuple[Line, Line], ...], Meta(max_length=40)]
    study: Annotated[bytes, Meta(max_length=STUDY_BYTES_MAX)] | None = None


def write_patch(patch: Patch, folder: Path) -> None:
    """Write a patch into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PATCH_NAME).write_bytes(msgspec.msgpack.encode(patch))


def read_patch(folder: Path) -> Patch:
    """Return the patch in `folder`, which an artifact was unpacked into.

    Raises:
        RefusedError: it is no patch, or holds what no strategy may.
    """
    content = read_only_file(folder, PATCH_NAME, bytes_max=PATCH_BYTES_MAX, refused=RefusedError)
    try:
        patch = msgspec.msgpack.decode(content, type=Patch, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(f"the patch is not of schema 1: {printable(str(error))}") from error
    for line in (patch.title, *(part for trailer in patch.trailers for part in trailer)):
        if not line.isprintable():
            raise RefusedError(f"the patch says {line[:80]!r}, which is not one printable line")
    for name, held in patch.files.items():
        if name not in BYTES_MAX:
            raise RefusedError(f"the patch writes {name[:80]!r}; a strategy is {', '.join(BYTES_MAX)}")
        if len(held) > BYTES_MAX[name] or not held.isascii() or b"\0" in held:
            raise RefusedError(f"the patch's {name} is too long or not ASCII")
    return patch


def require_strategy(repo: GitRepo, *, base: str, head: str) -> None:
    """Refuse a commit that is not exactly one strategy, whatever made it.

    Raises:
        RefusedError: it is a platform change, mixed, or has a problem.
    """
    change = classify(repo, base=base, head=head)
    if change.kind != "strategy" or change.problems:
        raise RefusedError(f"the proposal is {change.kind}, not one strategy: {' '.join(change.problems)}")
