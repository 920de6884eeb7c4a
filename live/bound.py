"""What a signed tag binds, followed by hash alone: tag, commit, trees, and the blobs a release consists of.

The same walk collects these objects from a repository and checks them in a release's folder, so that
nothing in the folder is believed because another file of the folder says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autarch.errors import DeployError
from autarch.evidence.released import Released, parse_release
from autarch.repo.objects import (
    EXECUTABLE,
    FOLDER,
    REGULAR,
    ObjectKind,
    Tag,
    TreeEntry,
    object_id,
    parse_commit,
    parse_tag,
    parse_tree,
)
from autarch.repo.signing import NS_TAG, Trust, verify_bytes
from live.portfolio import PORTFOLIO_PATH

PORTFOLIO, DATASET, POLICY = "portfolio.toml", "dataset.toml", "policy.toml"

Read = Callable[[str, ObjectKind], bytes]
"""Returns the content of the git object of this id, which must be of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A tag as stored, what its message says, and the blob id of every file by its path in the release's folder."""

    tag: Tag
    content: bytes
    released: Released
    blobs: Mapping[str, str]

    def is_signed(self, trust: Trust) -> bool:
        """Return whether `trust` signed the tag."""
        covered = self.content[: len(self.content) - len(self.tag.signature)]
        return verify_bytes(covered, self.tag.signature, trust=trust, namespace=NS_TAG)


def follow(read: Read, tag_object: str) -> Bound:
    """Return what the tag object binds.

    Raises:
        DeployError: its message and the commit it names do not say the same.
    """
    content = read(tag_object, "tag")
    try:
        tag = parse_tag(tag_object, content)
    except ValueError as error:
        raise DeployError(f"tag object {tag_object} does not parse: {error}; release again") from error
    released = parse_release(tag.message)
    if (released.tag, released.commit, tag.target_kind) != (tag.name, tag.target, "commit"):
        raise DeployError(
            f"tag {tag.name} points at {tag.target[:12]} and its message speaks of {released.tag} at "
            f"{released.commit[:12]}; sign it again with `autarch release`"
        )
    root = parse_commit(tag.target, read(tag.target, "commit")).tree
    wanted = {
        PORTFOLIO: PORTFOLIO_PATH,
        DATASET: f"ci/datasets/{released.dataset.partition('@')[0]}.toml",
        POLICY: released.policy_path,
    }
    blobs = {target: _blob(_at(read, root, path), path, tag.name) for target, path in wanted.items()}
    for item in released.strategies:
        blobs |= _strategy(read, root, released, item.strategy, item.tree)
    return Bound(tag=tag, content=content, released=released, blobs=blobs)


def stored_form(kind: ObjectKind, content: bytes) -> bytes:
    """Return the bytes whose hash is the object's id: git's header, then `content`."""
    return f"{kind} {len(content)}\0".encode() + content


def opened(stored: bytes, oid: str, kind: ObjectKind) -> bytes | None:
    """Return the content of an object in its stored form, or None when it is not `oid` or of another kind."""
    header, _, content = stored.partition(b"\0")
    if header != f"{kind} {len(content)}".encode() or object_id(kind, content, like=oid) != oid:
        return None
    return content


def _strategy(read: Read, root: str, released: Released, slug: str, wanted: str) -> dict[str, str]:
    folder = f"strategies/{slug}"
    entry = _at(read, root, folder)
    if entry is None or entry.mode != FOLDER or entry.oid != wanted:
        raise DeployError(
            f"{folder} at {released.tag} is tree {entry and entry.oid}, the tag says {wanted}; "
            "it is not what was judged: release again"
        )
    found = [(f"{folder}/{item.path}", item) for item in _tree(read, entry.oid)]
    return {path: _blob(item, path, released.tag) for path, item in found}


def _blob(entry: TreeEntry | None, path: str, tag: str) -> str:
    if entry is None or entry.mode not in {REGULAR, EXECUTABLE}:
        raise DeployError(f"{path} at {tag} is not a regular file; release again without it")
    return entry.oid


def _at(read: Read, root: str, path: str) -> TreeEntry | None:
    at = TreeEntry(mode=FOLDER, oid=root, path="")
    for name in path.split("/"):
        found = [entry for entry in _tree(read, at.oid) if entry.path == name] if at.mode == FOLDER else []
        if len(found) != 1:
            return None
        at = found[0]
    return at


def _tree(read: Read, oid: str) -> tuple[TreeEntry, ...]:
    return parse_tree(read(oid, "tree"), oid_bytes=len(oid) // 2)
